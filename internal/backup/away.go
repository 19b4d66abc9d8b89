package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"drydock/internal/backup/away"
	"drydock/internal/backup/retain"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

// errNoBucket says why there are no copies.
var errNoBucket = run.WithCode(run.CodeBadInput, errors.New("there is no storage for copies: set BACKUP_S3_ENDPOINT, BACKUP_S3_BUCKET and the two keys, then `up`"))

// lockAway is held by who changes the copies: two would send the same backup.
const lockAway = "copies"

// Send makes the copies that are missing in the bucket, the newest first, and removes those
// that retention does not keep. It returns whose copies were made. A backup that cannot be copied
// does not keep the others from it.
func (s *Service) Send(ctx context.Context) (sent []string, err error) {
	if s.Away == nil {
		return nil, errNoBucket
	}
	lock, err := s.Store.Lock(lockAway, "sending copies to S3")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	list, err := s.Store.List()
	if err != nil {
		return nil, err
	}
	copies, err := s.Away.List(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Store.Continue(ctx, lastOf(copies)); err != nil {
		return nil, err
	}
	missing, surplus := awayPlan(list, copies, s.Config.Policy, s.Now())
	for _, b := range missing {
		if ctx.Err() != nil {
			return sent, errors.Join(err, context.Cause(ctx))
		}
		if sendErr := s.send(ctx, b.ID); sendErr != nil {
			err = errors.Join(err, sendErr)
			continue
		}
		sent = append(sent, b.ID)
	}
	if err != nil {
		return sent, err // as on the machine: nothing goes after a run that failed
	}
	for _, m := range surplus {
		if err := s.Away.Remove(ctx, m); err != nil {
			return sent, err
		}
		s.Log.Info("removed a copy that retention does not keep", "backup", m.ID)
	}
	return sent, s.Away.Sweep(ctx, s.Now())
}

func (s *Service) send(ctx context.Context, id string) (err error) {
	use, err := s.Store.Use(id)
	var none *store.NotFoundError
	if errors.As(err, &none) {
		return nil // retention has removed it meanwhile
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, use.Close()) }()
	m, err := s.Away.Put(ctx, use.Backup.Record, use.Dir)
	if err == nil {
		s.Log.Info("copied a backup to S3", "backup", id, "bytes", m.Stored)
	}
	return err
}

// awayPlan says which backups need a copy, newest first, and which copies are not kept. It is
// pure. Retention looks at both together, as if all of them lay in one place: so nothing is
// sent that would be removed at once, and a machine that was lost takes no copy with it.
func awayPlan(list []store.Backup, copies []away.Manifest, policy retain.Policy, now time.Time) (missing []store.Backup, surplus []away.Manifest) {
	var all []store.Backup
	copied := map[string]bool{}
	for _, m := range copies {
		copied[m.ID] = true
	}
	here := map[string]bool{}
	for _, b := range list {
		if b.Kind == store.KindPhysical || !b.Good() && !copied[b.ID] {
			continue
		}
		here[b.ID] = true
		b.Damaged = nil // its copy is not
		all = append(all, b)
	}
	for _, m := range copies {
		if !here[m.ID] {
			all = append(all, store.Backup{Record: m.Record})
		}
	}
	going := map[string]bool{}
	for _, d := range retain.Plan(retain.FromStore(all, nil, nil), policy, now).Remove {
		going[d.Backup.ID] = true
	}
	for _, b := range slices.Backward(list) {
		if here[b.ID] && !copied[b.ID] && !going[b.ID] {
			missing = append(missing, b)
		}
	}
	for _, m := range copies {
		if going[m.ID] {
			surplus = append(surplus, m)
		}
	}
	return missing, surplus
}

// Bring brings a backup back whose copy is in the bucket, as what it was: with its id, its times and
// its contents, verified. "" is the newest dump and the newest configuration, where they are not here.
func (s *Service) Bring(ctx context.Context, id string) (brought []store.Backup, err error) {
	if s.Away == nil {
		return nil, errNoBucket
	}
	copies, err := s.Away.List(ctx)
	if err != nil {
		return nil, err
	}
	wanted, err := wantedCopies(copies, id)
	if err != nil {
		return nil, err
	}
	for _, m := range wanted {
		if b, err := s.Store.Get(m.ID); err == nil && b.ID == m.ID {
			if id != "" {
				return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("fetching %s: it is here; `backup:list` shows it", m.ID))
			}
			continue
		}
		b, err := s.bring(ctx, m)
		if err != nil {
			return brought, fmt.Errorf("fetching %s: %w", m.ID, err)
		}
		brought = append(brought, b)
	}
	return brought, nil
}

// wantedCopies are the one that is meant by its id or number, or the newest of each kind.
func wantedCopies(copies []away.Manifest, id string) (wanted []away.Manifest, err error) {
	have := map[string]bool{}
	for _, m := range slices.Backward(copies) {
		series := m.Record.Kind + " " + m.Record.Database
		switch {
		case id != "" && m.Named(id):
			return []away.Manifest{m}, nil
		case id == "" && !have[series]:
			have[series] = true
			wanted = append(wanted, m)
		}
	}
	switch {
	case id != "":
		return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("there is no copy of %q on S3; `backup:list` shows what there is", id))
	case len(wanted) == 0:
		return nil, run.WithCode(run.CodeBadInput, errors.New("there is no copy on S3; is BACKUP_S3_PATH the one that they were sent to?"))
	}
	return wanted, nil
}

func (s *Service) bring(ctx context.Context, m away.Manifest) (b store.Backup, err error) {
	r, err := s.Away.Record(ctx, m)
	if err != nil {
		return b, err
	}
	if r.ID != m.ID {
		return b, fmt.Errorf("%w: its data is of %s", away.ErrDamaged, r.ID)
	}
	w, err := s.Store.Begin(ctx, store.Spec{Original: &r, Kind: r.Kind, Database: r.Database, Zone: r.Zone, Holder: "backup:fetch", Expect: r.Size})
	if err != nil {
		return b, err
	}
	if err := s.Away.Get(ctx, m, w.Dir()); err != nil {
		return b, errors.Join(err, w.Abort(err))
	}
	return w.Commit(ctx, store.Done{Tools: r.Tools, Details: r.Details, Verify: func(ctx context.Context, dir string, files []store.File) (err error) {
		switch r.Kind {
		case store.KindDump:
			err = s.verifyRead(ctx, dir, files)
		case store.KindConfig:
			_, err = verifyConfig(ctx, dir)
		}
		return err
	}})
}

// verifyAway reads the copies again, or the one of a backup. One that is damaged is removed: while
// the backup is here and good, the next Send makes it anew.
func (s *Service) verifyAway(ctx context.Context, id string) (bad []string, err error) {
	if s.Away == nil {
		return nil, nil
	}
	copies, err := s.Away.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range copies {
		if id != "" && m.ID != id {
			continue
		}
		err := s.Away.Check(ctx, m)
		if !errors.Is(err, away.ErrDamaged) {
			if err != nil {
				return bad, err
			}
			continue
		}
		s.Log.Error("damage", "copy", m.ID, "what", err.Error())
		bad = append(bad, "the copy of "+m.ID+" on S3")
		if b, getErr := s.Store.Get(m.ID); getErr == nil && b.Good() && !s.Config.ReadOnly {
			if err := s.Away.Remove(ctx, m); err != nil {
				return bad, err
			}
		}
	}
	return bad, nil
}

// copied is how the copies stand.
type copied struct {
	Copies  []away.Manifest `json:"copies"`
	Missing []string        `json:"missing"` // backups that are to have one, and have none
	Error   string          `json:"error,omitempty"`

	surplus []string // copies that retention does not keep
}

// notes say which copies are not kept.
func (c *copied) notes() []string {
	switch {
	case c == nil:
		return nil
	case c.Error != "":
		return []string{cannotAsk + c.Error}
	case len(c.surplus) == 0:
		return []string{"no copy on S3 goes"}
	}
	return []string{"copies on S3 that go when the next are sent: " + strings.Join(c.surplus, ", ")}
}

const cannotAsk = "copies on S3: cannot be asked: "

// copiedNow asks the bucket; nil where there is none.
func (s *Service) copiedNow(ctx context.Context, list []store.Backup) *copied {
	if s.Away == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	copies, err := s.Away.List(ctx)
	if err != nil {
		return &copied{Error: s.masked(err).Error()}
	}
	c := &copied{Copies: copies, Missing: []string{}}
	missing, surplus := awayPlan(list, copies, s.Config.Policy, s.Now())
	for _, b := range missing {
		c.Missing = append(c.Missing, b.ID)
	}
	for _, m := range surplus {
		c.surplus = append(c.surplus, m.ID)
	}
	return c
}

func (c *copied) write(w io.Writer, list []store.Backup, zone *time.Location) error {
	switch {
	case c == nil:
		return nil
	case c.Error != "":
		_, err := fmt.Fprintln(w, cannotAsk+c.Error)
		return err
	}
	text := fmt.Sprintf("copies on S3: %d", len(c.Copies))
	if len(c.Missing) > 0 {
		text += "; not there yet: " + strings.Join(c.Missing, ", ")
	}
	for _, m := range c.Copies {
		if !slices.ContainsFunc(list, func(b store.Backup) bool { return b.ID == m.ID }) {
			text += fmt.Sprintf("\n  only there: %s, %s %s of %s, %s; BACKUP=%s backup:fetch brings it back",
				m.ID, m.Record.Kind, m.Record.Database, m.Record.Finished.In(zone).Format("2006-01-02 15:04:05 MST"), store.Bytes(m.Stored), m.ID)
		}
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// WriteBrought tells what a fetch has brought back.
func WriteBrought(w io.Writer, list []store.Backup, asJSON bool) error {
	ids := []string{}
	for _, b := range list {
		ids = append(ids, b.ID)
	}
	if asJSON {
		return json.NewEncoder(w).Encode(ids)
	}
	for _, id := range ids {
		if _, err := fmt.Fprintln(w, id); err != nil {
			return err
		}
	}
	return nil
}
