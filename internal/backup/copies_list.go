package backup

import (
	"context"
	"fmt"
	"io"
	"slices"
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
	Until      *time.Time      `json:"until,omitempty"`    // when the newest segment was archived
	Received   *time.Time      `json:"received,omitempty"` // when what only the receiver has was last added to
	Waiting    int             `json:"waiting"`            // segments, of the local one
	Lag        float64         `json:"lag_seconds"`        // how long the oldest has waited
	Dropped    []physical.Drop `json:"dropped,omitempty"`
	Covered    bool            `json:"dropped_received,omitempty"` // the receiver has all of what was dropped
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
		own, all, err := s.archive(ctx, r, c)
		if err != nil {
			return err
		}
		archives[c.ID] = all
		for _, segment := range own.Segments {
			later(&state.Until, segment.Time)
		}
		for _, segment := range all.Segments {
			if segment.Received {
				later(&state.Received, segment.Time)
			}
		}
	}
	has := archives[info.Newest().ID].Segments
	state.Covered = len(state.Dropped) > 0 && !slices.ContainsFunc(state.Dropped, func(d physical.Drop) bool {
		_, ok := has[d.Segment]
		return !ok
	})
	for i, b := range list {
		c, ok := detailsOf(b)
		if !ok || b.Repository != r.Name {
			continue
		}
		now, there := info.Backup(c.Label)
		switch {
		case !there && b.Damaged == nil:
			list[i].Damaged = &store.Damage{At: s.Now().UTC(), Found: "list", Reason: notThere}
		case there:
			out.Windows[b.ID] = archives[now.Cluster].Window(now)
		}
	}
	return nil
}

func later(newest **time.Time, t time.Time) {
	if *newest == nil || t.After(**newest) {
		*newest = &t
	}
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
		if a.Received != nil && (a.Until == nil || a.Received.After(*a.Until)) {
			text += ", received until " + a.Received.In(s.Config.Zone).Format("2006-01-02 15:04:05 MST")
		}
		if n := len(a.Dropped); n > 0 {
			means := "no later time can be restored to until there is a new backup"
			if a.Covered {
				means = "what was received stands in for them until there is a new backup"
			}
			text += fmt.Sprintf("; BROKEN since %s (%d segments were let go): %s, which is made when archiving works again",
				a.Dropped[0].At.In(s.Config.Zone).Format("2006-01-02 15:04:05 MST"), n, means)
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}
