package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"drydock/internal/backup/away"
	"drydock/internal/backup/logical"
	"drydock/internal/backup/manifest"
	"drydock/internal/backup/physical"
	"drydock/internal/backup/retain"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

// Service does the work.
type Service struct {
	Config Config
	Store  *store.Store
	Away   *away.Place // where copies of dumps and configurations go; nil: nowhere
	Tools  logical.Tools
	Log    *slog.Logger
	Now    func() time.Time
}

// Open opens the repository.
func Open(c Config, log *slog.Logger) (*Service, error) {
	s, err := store.Open(c.Root, store.Options{ReadOnly: c.ReadOnly})
	if err != nil {
		return nil, err
	}
	service := &Service{Config: c, Store: s, Log: log, Now: time.Now}
	if service.Config.Physical.Repos, err = physical.Repos(physical.SecretsDir, service.said); err != nil {
		return nil, err
	}
	service.Away, err = away.Open(physical.SecretsDir)
	return service, err
}

// details is what a dump's record keeps of its manifest, for lists.
type details struct {
	Tables int   `json:"tables"`
	Rows   int64 `json:"rows"`
}

// Dump dumps the database into the repository. Whatever goes wrong, no part of it is
// listed, and the failure is on record.
func (s *Service) Dump(ctx context.Context) (b store.Backup, err error) {
	w, err := s.begin(ctx, store.Spec{Kind: store.KindDump, Database: s.Config.Server.Database, Zone: s.Config.Zone.String(), Holder: "backup:dump"})
	if err != nil {
		return b, err
	}
	m, err := logical.Dump(ctx, s.Config.Server, w.Dir(), logical.DumpOptions{
		Tools: s.Tools, Jobs: s.Config.Jobs, Level: s.Config.Level, Log: s.said,
	})
	if err != nil {
		return b, errors.Join(err, w.Abort(err))
	}
	if err := manifest.Write(w.Dir(), m); err != nil {
		return b, errors.Join(err, w.Abort(err))
	}
	kept, err := json.Marshal(details{Tables: len(m.Contents.Tables), Rows: m.Contents.Rows()})
	if err != nil {
		return b, errors.Join(err, w.Abort(err))
	}
	return w.Commit(ctx, store.Done{
		Details: kept,
		Verify:  s.verifyRead,
	})
}

// verifyRead compares a dump's manifest with what the store has just read of its files.
func (s *Service) verifyRead(ctx context.Context, dir string, files []store.File) error {
	read := make([]manifest.File, len(files))
	for i, f := range files {
		read[i] = manifest.File{Path: f.Path, Bytes: f.Size, SHA256: f.SHA256}
	}
	_, err := logical.Verify(ctx, dir, logical.VerifyOptions{Tools: s.Tools, Files: read})
	return err
}

func (s *Service) said(line string) { s.Log.Info(line) }

// Verify checks one backup, or all of them for "": each file against its record, and a
// dump against its own manifest, with its rows counted. What is damaged goes into
// quarantine; the error then names it.
func (s *Service) Verify(ctx context.Context, id string) error {
	reports, err := s.reports(ctx, id)
	var bad []string
	for _, r := range reports {
		if !r.OK() {
			bad = append(bad, r.Backup.ID)
		}
	}
	if err != nil {
		return err
	}
	list, err := s.Store.List()
	if err != nil {
		return err
	}
	for _, b := range list {
		if id != "" && b.ID != id || b.Kind != store.KindDump || !b.Good() {
			continue
		}
		if err := s.verifyDump(ctx, b.ID); err != nil {
			if ctx.Err() != nil {
				return err
			}
			bad = append(bad, b.ID)
			if err := s.Store.MarkDamaged(ctx, b.ID, "verify", err.Error()); err != nil {
				return err
			}
		}
	}
	damaged, err := s.verifyCopies(ctx, id)
	if err != nil {
		return err
	}
	lost, err := s.verifyAway(ctx, id)
	if err != nil {
		return err
	}
	if bad = append(append(bad, damaged...), lost...); len(bad) > 0 {
		slices.Sort(bad)
		return fmt.Errorf("verifying: %s damaged; marked, and will not be restored. After a look at why: BACKUP=id backup:remove", strings.Join(slices.Compact(bad), ", "))
	}
	if id == "" {
		return s.noteVerified()
	}
	return nil
}

func (s *Service) reports(ctx context.Context, id string) ([]store.Report, error) {
	if id == "" {
		return s.Store.VerifyAll(ctx)
	}
	r, err := s.Store.Verify(ctx, id)
	return []store.Report{r}, err
}

func (s *Service) verifyDump(ctx context.Context, id string) (err error) {
	use, err := s.Store.Use(id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, use.Close()) }()
	_, err = logical.Verify(ctx, use.Dir, logical.VerifyOptions{Tools: s.Tools, Jobs: s.Config.Jobs, Deep: true})
	return err
}

// plan says what retention would keep and remove of the backups that are here.
func (s *Service) plan(list []store.Backup) (retain.Outcome, error) {
	failures, err := s.Store.Failures()
	if err != nil {
		return retain.Outcome{}, err
	}
	running, err := s.Store.Running()
	if err != nil {
		return retain.Outcome{}, err
	}
	var dumps, copies []retain.Backup
	for _, b := range retain.FromStore(list, failures, running) {
		if b.Series.Kind == store.KindPhysical {
			copies = append(copies, b)
		} else {
			dumps = append(dumps, b)
		}
	}
	plan, more := retain.Plan(dumps, s.Config.Policy, s.Now()), retain.Plan(copies, s.copyPolicy(), s.Now())
	plan.Keep, plan.Remove = append(plan.Keep, more.Keep...), append(plan.Remove, more.Remove...)
	plan.Refused, plan.Notes = append(plan.Refused, more.Refused...), append(plan.Notes, more.Notes...)
	return plan, nil
}

// Prune removes what retention says, or only says it, of the copies on S3, too: those go when
// the next ones are sent.
func (s *Service) Prune(ctx context.Context, dryRun bool) (retain.Outcome, error) {
	list, err := s.Store.List()
	if err != nil {
		return retain.Outcome{}, err
	}
	plan, err := s.plan(list)
	if err != nil {
		return plan, err
	}
	if dryRun {
		plan.Notes = append(plan.Notes, s.copiedNow(ctx, list).notes()...)
		return plan, nil
	}
	_, err = retain.Apply(ctx, plan, func(ctx context.Context, b retain.Backup) error {
		if b.Series.Kind == store.KindPhysical {
			return s.removeCopy(ctx, b.ID)
		}
		return s.Store.Remove(ctx, b.ID)
	})
	return plan, err
}

// RestoreOptions say what to restore and where.
type RestoreOptions struct {
	ID       string   // "" is the newest good dump
	Database string   // "" is a new one beside the live one
	Replace  bool     // put it into the place of the database that has the name; that one is kept under another
	Tables   []string // these alone, into the existing Database
	Schema   string   // for Tables: put them there

	NoCompare bool // the result is compared with the manifest by somebody else (see ExamineDatabase)
}

// Restore restores a dump. The result appears whole, compared with the manifest, or not at all.
func (s *Service) Restore(ctx context.Context, o RestoreOptions) (_ *logical.Restored, err error) {
	if o.ID == "" {
		if o.ID, err = s.newest(); err != nil {
			return nil, err
		}
	}
	use, err := s.Store.Use(o.ID)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, use.Close()) }()
	if use.Backup.Kind != store.KindDump {
		return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("restoring %s: it is a backup of kind %s; this restores dumps", o.ID, use.Backup.Kind))
	}
	if !use.Backup.Good() {
		return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("restoring %s: it is damaged (%s); choose another one, `backup:list` shows them", o.ID, use.Backup.Damaged.Reason))
	}
	options := logical.RestoreOptions{Tools: s.Tools, Jobs: s.Config.Jobs, Database: o.Database, Replace: o.Replace, NoCompare: o.NoCompare, Log: s.said}
	if len(o.Tables) > 0 {
		server := s.Config.Server
		if o.Database != "" {
			server.Database = o.Database
		}
		options.Database = ""
		return logical.RestoreTables(ctx, server, use.Dir, logical.TablesOptions{RestoreOptions: options, Tables: o.Tables, Schema: o.Schema})
	}
	if options.Database == "" {
		options.Database = beside(s.Config.Server.Database, store.Sequence(use.Backup.ID))
	}
	// A database cannot be made or renamed by a session of its own.
	server := s.Config.Server
	server.Database = "postgres"
	return logical.Restore(ctx, server, use.Dir, options)
}

// maxName is how long PostgreSQL's names are, in bytes.
const maxName = 63

// beside is the name of a database that is restored beside the live one.
func beside(database string, number uint64) string {
	suffix := fmt.Sprintf("_restored_%d", number)
	for len(database)+len(suffix) > maxName {
		_, size := utf8.DecodeLastRuneInString(database)
		database = database[:len(database)-size]
	}
	return database + suffix
}

func (s *Service) newest() (string, error) {
	list, err := s.Store.List()
	if err != nil {
		return "", err
	}
	if b, ok := newestDump(list, s.Config.Server.Database); ok {
		return b.ID, nil
	}
	return "", run.WithCode(run.CodeBadInput, errors.New("there is no good dump to restore; `backup:list` shows what there is"))
}

// writeJSON writes a value for machines.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
