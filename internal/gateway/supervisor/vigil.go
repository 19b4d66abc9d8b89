package supervisor

import (
	"fmt"
	"slices"
	"time"
)

// lonely is how long nginx may be without any worker that takes requests. Between two
// generations there is always one, so this is only patience with a busy machine.
const lonely = 2 * time.Second

// vigil notices when new workers die. It is pure: it is told the time and who is there.
type vigil struct {
	before []Worker // those of earlier generations
	seen   []Worker // new ones that are there
	alone  time.Time
}

func newVigil(before []Worker) *vigil { return &vigil{before: before} }

// look takes in the present workers. A new worker that was there and is gone without
// having been told to end has died.
func (v *vigil) look(now time.Time, all []Worker) error {
	serving := false
	for _, w := range all {
		if w.Old {
			continue
		}
		serving = true
		if !slices.ContainsFunc(v.before, w.same) && !slices.ContainsFunc(v.seen, w.same) {
			v.seen = append(v.seen, w)
		}
	}
	for _, w := range v.seen {
		if !slices.ContainsFunc(all, w.same) {
			return fmt.Errorf("nginx's new worker %d died; nginx's log has the reason, if it was not for lack of memory", w.Pid)
		}
	}
	switch {
	case serving || len(v.seen)+len(v.before) == 0: // how long the first worker may take is for who waits for it
		v.alone = time.Time{}
	case v.alone.IsZero():
		v.alone = now
	case now.Sub(v.alone) >= lonely:
		return fmt.Errorf("nginx has no worker that takes requests; its log has the reason")
	}
	return nil
}
