package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"drydock/internal/backup/logical"
	"drydock/internal/backup/store"
	"drydock/internal/disk"
)

// List writes what is in the repository, newest last, and what failed since the newest.
func (s *Service) List(ctx context.Context, w io.Writer, asJSON bool) error {
	list, err := s.Store.List()
	if err != nil {
		return err
	}
	failures, err := s.Store.Failures()
	if err != nil {
		return err
	}
	reached := s.reach(ctx, list)
	lost := s.lossNow(ctx)
	sums := s.pagesNow(ctx)
	copies := s.copiedNow(ctx, list)
	if asJSON {
		return writeJSON(w, struct {
			Backups  []store.Backup  `json:"backups"`
			Failures []store.Failure `json:"failures"`
			reach
			Loss  *loss             `json:"no_loss,omitempty"`
			Pages *pages            `json:"page_checksums,omitempty"`
			Away  *copied           `json:"s3,omitempty"`
			Space []disk.Filesystem `json:"space"`
		}{list, failures, reached, lost, sums, copies, spaces(s.Config.Root)})
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "no backups yet")
		return errors.Join(err, s.writeArchives(w, reached), lost.write(w), sums.write(w), copies.write(w, list, s.Config.Zone), s.writeFailures(w, failures, 0))
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(tw, "BACKUP\tKIND\tDATABASE\tFINISHED\tTOOK\tSIZE\tHOLDS\tSTATE") // the error is the Flush's
	for _, b := range list {
		holds := holds(b)
		if b.Kind == store.KindPhysical {
			holds = s.holdsCopy(b, reached)
		}
		_, _ = fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.ID, b.Kind, b.Database,
			b.Finished.In(s.Config.Zone).Format("2006-01-02 15:04:05 MST"),
			time.Duration(b.Seconds*float64(time.Second)).Round(100*time.Millisecond), store.Bytes(b.OnDisk), holds, state(b))
	}
	return errors.Join(tw.Flush(), s.writeArchives(w, reached), lost.write(w), sums.write(w), copies.write(w, list, s.Config.Zone), s.writeFailures(w, failures, store.Sequence(list[len(list)-1].ID)))
}

func (s *Service) writeFailures(w io.Writer, failures []store.Failure, after uint64) error {
	for _, f := range failures {
		if store.Sequence(f.ID) < after {
			continue
		}
		if _, err := fmt.Fprintf(w, "failed: %s of %s at %s: %s\n", f.Kind, f.Database, f.Started.In(s.Config.Zone).Format("2006-01-02 15:04:05 MST"), f.Reason); err != nil {
			return err
		}
	}
	return nil
}

func holds(b store.Backup) string {
	var d details
	if b.Kind != store.KindDump || json.Unmarshal(b.Details, &d) != nil {
		return "-"
	}
	return fmt.Sprintf("%d tables, %d rows", d.Tables, d.Rows)
}

func state(b store.Backup) string {
	switch p := b.Proven(); {
	case !b.Good():
		return "DAMAGED: " + b.Damaged.Reason
	case p != nil:
		return "proven"
	default:
		return "verified"
	}
}

// WriteRestored tells what a restore did.
func WriteRestored(w io.Writer, r *logical.Restored, asJSON bool) error {
	if asJSON {
		return writeJSON(w, struct {
			Database string          `json:"database"`
			Old      string          `json:"old,omitempty"`
			Roles    []string        `json:"roles,omitempty"`
			Notes    []string        `json:"notes,omitempty"`
			Phases   []logical.Phase `json:"phases"`
		}{r.Database, r.Old, r.Roles, r.Notes, r.Phases})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "restored into the database %q", r.Database)
	if r.Old != "" {
		fmt.Fprintf(&b, "; the one that was there is %q now", r.Old)
	}
	b.WriteByte('\n')
	for _, role := range r.Roles {
		fmt.Fprintf(&b, "made the role %q, without a password\n", role)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	for _, p := range r.Phases {
		fmt.Fprintf(&b, "  %-12s %s\n", p.Name, p.Took.Round(10*time.Millisecond))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// masked takes the password out of an error, which goes into the journal and to others.
func (s *Service) masked(err error) error {
	if err == nil {
		return nil
	}
	secret := s.Config.Server.Password.Reveal()
	if secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), secret, "***"))
}
