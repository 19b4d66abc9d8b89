package backup

import (
	"context"
	"fmt"
	"io"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
)

// reach is what the physical backups can be restored to, and how the archive stands.
type reach struct {
	Windows  map[string]physical.Window `json:"windows,omitempty"` // by the backup's id
	Archives []archiveState             `json:"archives,omitempty"`
}

type archiveState struct {
	Repository string          `json:"repository"`
	Until      *time.Time      `json:"until,omitempty"` // when the newest segment was archived
	Waiting    int             `json:"waiting"`         // segments, of the local one
	Lag        float64         `json:"lag_seconds"`     // how long the oldest has waited
	Dropped    []physical.Drop `json:"dropped,omitempty"`
	Error      string          `json:"error,omitempty"`
}

// askTimeout bounds what a list waits for a repository that does not answer.
const askTimeout = 30 * time.Second

// reach asks the repositories. One that cannot be asked is told of and hides nothing else. The
// list gets marks of what is not there any more.
func (s *Service) reach(ctx context.Context, list []store.Backup) (out reach) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	out.Windows = map[string]physical.Window{}
	for _, r := range s.Config.Physical.Repos {
		state := archiveState{Repository: r.Name}
		if err := s.reachOf(ctx, r, list, &out, &state); err != nil {
			state.Error = s.masked(err).Error()
		}
		out.Archives = append(out.Archives, state)
	}
	return out
}

func (s *Service) reachOf(ctx context.Context, r physical.Repo, list []store.Backup, out *reach, state *archiveState) error {
	if r.Name == physical.Local && !s.Config.ReadOnly {
		waiting, err := physical.Waiting(s.Config.Physical.Data)
		if err != nil {
			return err
		}
		state.Waiting, state.Lag = waiting.Segments, waiting.Lag(s.Now()).Seconds()
		if state.Dropped, err = physical.Dropped(s.Config.Physical.Shared); err != nil {
			return err
		}
	}
	info, err := r.Info(ctx)
	if err != nil || !info.Exists {
		return err
	}
	archives := map[int]physical.Archive{}
	for _, c := range info.Clusters {
		a, err := r.Archive(ctx, c)
		if err != nil {
			return err
		}
		archives[c.ID] = a
		for _, segment := range a.Segments {
			if state.Until == nil || segment.Time.After(*state.Until) {
				state.Until = &segment.Time
			}
		}
	}
	for i, b := range list {
		c, ok := detailsOf(b)
		if !ok || b.Repository != r.Name {
			continue
		}
		now, there := info.Backup(c.Label)
		switch {
		case !there && b.Damaged == nil:
			list[i].Damaged = &store.Damage{At: s.Now().UTC(), Found: "list", Reason: "it is not in the repository any more"}
		case there:
			out.Windows[b.ID] = archives[now.Cluster].Window(now)
		}
	}
	return nil
}

// holdsCopy tells what a physical backup can be restored to.
func (s *Service) holdsCopy(b store.Backup, r reach) string {
	text := b.Level + " in " + b.Repository
	w, ok := r.Windows[b.ID]
	if !ok {
		return text
	}
	const short = "2006-01-02 15:04:05"
	return fmt.Sprintf("%s; any time from %s to %s", text, w.From.In(s.Config.Zone).Format(short), w.Until.In(s.Config.Zone).Format(short+" MST"))
}

// writeArchives tells how the archive stands.
func (s *Service) writeArchives(w io.Writer, r reach) error {
	for _, a := range r.Archives {
		text := "archive " + a.Repository + ": "
		switch {
		case a.Error != "":
			text += "cannot be asked: " + a.Error
		case a.Until == nil:
			text += "nothing archived yet"
		default:
			text += "log until " + a.Until.In(s.Config.Zone).Format("2006-01-02 15:04:05 MST")
			if a.Waiting > 0 {
				text += fmt.Sprintf(", %d segments wait, the oldest for %s", a.Waiting, (time.Duration(a.Lag * float64(time.Second))).Round(time.Second))
			}
		}
		if n := len(a.Dropped); n > 0 {
			text += fmt.Sprintf("; BROKEN since %s (%d segments were let go): no later time can be restored to until there is a new backup, which is made when archiving works again",
				a.Dropped[0].At.In(s.Config.Zone).Format("2006-01-02 15:04:05 MST"), n)
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}
