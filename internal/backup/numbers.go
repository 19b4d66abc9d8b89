package backup

import (
	"context"
	"time"

	"drydock/internal/backup/away"
	"drydock/internal/backup/store"
)

// numbersTimeout bounds the question to the storage how far the numbers came.
const numbersTimeout = 15 * time.Second

// begin is how each new backup begins. In a repository that has never had one its number follows those
// of the copies: the machine that was there before is lost, and what is newest goes by numbers, since
// clocks are set back. Storage that does not answer keeps no backup from being made; the next
// sending of copies sees to the numbers after it.
func (s *Service) begin(ctx context.Context, spec store.Spec) (*store.Writer, error) {
	if s.Away != nil && !s.Config.ReadOnly {
		if err := s.follow(ctx); err != nil {
			s.Log.Warn("numbers of backups begin anew until the storage answers", "error", s.masked(err).Error())
		}
	}
	return s.Store.Begin(ctx, spec)
}

func (s *Service) follow(ctx context.Context) error {
	numbered, err := s.Store.Numbered(ctx)
	if err != nil || numbered {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, numbersTimeout)
	defer cancel()
	copies, err := s.Away.List(asking)
	if err != nil {
		return err
	}
	return s.Store.Continue(ctx, lastOf(copies))
}

func lastOf(copies []away.Manifest) (n uint64) {
	for _, m := range copies {
		n = max(n, store.Sequence(m.ID))
	}
	return n
}
