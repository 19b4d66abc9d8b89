package logical

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"drydock/internal/backup/manifest"
)

// RestoreOptions are choices of a restore. The zero value restores into a new database
// that has the name of the dumped one.
type RestoreOptions struct {
	Tools Tools
	Jobs  int // of pg_restore; 0 is 2

	// Database is the name of the restored database; "" is that of the dumped one. One that
	// exists must be empty, unless Replace is set.
	Database string
	// Replace puts the restored database in the place of the existing one in one step, once
	// it is complete and checked. Sessions of the old one are ended then. The old one is kept
	// under another name (see Restored.Old), unless DropOld is set.
	Replace, DropOld bool

	NoTablespaces bool // put everything into the default tablespace
	NoRoles       bool // refuse when a needed role is missing, instead of making it
	AllRoles      bool // make the roles, too, that this database does not need
	NoCompare     bool // do not compare the result with the manifest before it appears
	Subscriptions bool // restore logical subscriptions (disabled); else they are left out

	// Free tells how many bytes the server's disk has left; nil leaves that unchecked, as
	// no SQL can tell it.
	Free func(context.Context) (int64, error)

	Verifier manifest.Verifier // nil does not look at the signature
	Log      func(string)      // what the tools say; nil discards
}

// Restored is what a restore did.
type Restored struct {
	Manifest *manifest.Manifest
	Database string   // the restored one
	Old      string   // name under which the replaced database is kept; "" for none
	Roles    []string // roles that were made, without passwords
	Notes    []string // what the reader should know: differences that do no harm, things left out
	// Phases are how long each step took, in order.
	Phases []Phase
}

// Phase is a step of a restore.
type Phase struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took"`
}

// Restore restores a backup into a database of the server, which appears complete and
// checked or not at all. s.Database is the one to connect to for making it, "" is postgres.
//
// First the backup is verified as Verify does, then everything is looked up that the
// restore needs; an ErrRefused names all that is missing, and nothing was changed. Then
// pg_restore fills a scratch database, which is analyzed, compared with the manifest, and
// renamed in the end. Whatever fails, or when ctx ends, it is dropped; roles that were made
// for it stay, for they do no harm and the next attempt needs them. A scratch database that a
// killed restore left behind is dropped by the next restore.
func Restore(ctx context.Context, s Server, dir string, o RestoreOptions) (_ *Restored, err error) {
	if s.Database == "" {
		s.Database = "postgres"
	}
	r := &restore{o: o, s: s, dir: dir, jobs: o.Jobs, log: o.Log}
	if r.jobs <= 0 {
		r.jobs = 2
	}
	if r.log == nil {
		r.log = func(string) {}
	}
	defer r.close()
	err = r.steps(ctx, []step{
		{"verify", r.verify}, {"preflight", r.preflight}, {"roles", r.makeRoles}, {"create", r.create},
		{"load", r.load}, {"analyze", r.analyze}, {"properties", r.properties}, {"compare", r.compare}, {"publish", r.publish},
	})
	if err != nil {
		return nil, fmt.Errorf("restoring %s: %w", dir, err)
	}
	return &r.done, nil
}

// restore is one run of Restore.
type restore struct {
	o    RestoreOptions
	s    Server // the database for connecting
	dir  string
	jobs int
	log  func(string)

	m       *manifest.Manifest
	admin   *adminConn
	target  string // the name in the end
	exists  bool   // there is a database of that name
	scratch string // "" until it was made
	done    Restored
}

type step struct {
	name string
	do   func(context.Context) error
}

func (r *restore) steps(ctx context.Context, list []step) error {
	for _, s := range list {
		began := time.Now()
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, withCause(ctx, err))
		}
		r.done.Phases = append(r.done.Phases, Phase{s.name, time.Since(began)})
	}
	return nil
}

func (r *restore) note(format string, args ...any) {
	r.done.Notes = append(r.done.Notes, fmt.Sprintf(format, args...))
}

func (r *restore) verify(ctx context.Context) error {
	m, err := Verify(ctx, r.dir, VerifyOptions{Tools: r.o.Tools, Jobs: r.jobs, Verifier: r.o.Verifier})
	if err != nil {
		return err
	}
	r.m, r.done.Manifest = m, m
	r.target = r.o.Database
	if r.target == "" {
		r.target = m.Contents.Database.Name
	}
	r.done.Database = r.target
	return nil
}

// create makes the scratch database like the dumped one. From then on close drops it.
func (r *restore) create(ctx context.Context) error {
	d := r.m.Contents.Database
	name := scratchName()
	if err := r.admin.hold(ctx, name); err != nil {
		return err
	}
	sql := "create database " + quote(name) + " with template template0 encoding " + literal(d.Encoding) +
		" locale_provider " + d.Provider + " lc_collate " + literal(d.Collate) + " lc_ctype " + literal(d.Ctype)
	switch d.Provider {
	case "icu":
		sql += " icu_locale " + literal(d.Locale)
		if d.ICURules != "" {
			sql += " icu_rules " + literal(d.ICURules)
		}
	case "builtin":
		sql += " builtin_locale " + literal(d.Locale)
	}
	if d.Tablespace != "" && d.Tablespace != "pg_default" && !r.o.NoTablespaces {
		sql += " tablespace " + quote(d.Tablespace)
	}
	r.scratch = name // also when only the answer was lost
	if err := r.admin.exec(ctx, sql); err != nil {
		return fmt.Errorf("making the scratch database: %w; the server must know the dumped database's encoding (%s) and locale (%s %s %s)",
			err, d.Encoding, d.Provider, d.Collate, d.Locale)
	}
	return r.admin.exec(ctx, "comment on database "+quote(name)+" is "+literal(scratchComment+" of "+r.target))
}

// load runs pg_restore. It stops at the first error: a restore that went on would look
// complete.
func (r *restore) load(ctx context.Context) error {
	args := []string{"--format=directory", "--jobs=" + strconv.Itoa(r.jobs), "--exit-on-error", "--no-password", "--dbname=" + r.s.with(r.scratch).dbname()}
	if r.o.NoTablespaces {
		args = append(args, "--no-tablespaces")
	}
	if !r.o.Subscriptions {
		args = append(args, "--no-subscriptions")
		for _, o := range r.m.Contents.Objects {
			if o.Kind == manifest.KindSubscription {
				r.note("the subscription %s was left out: it would compete with the live one for its slot", o.Name)
			}
		}
	}
	said, err := runTool(ctx, r.o.Tools.command(r.s, "pg_restore", append(args, filepath.Join(r.dir, dumpDir))...), r.log)
	if err == nil {
		r.done.Notes = append(r.done.Notes, said...)
	}
	return err
}

func (r *restore) analyze(ctx context.Context) error {
	conn, err := r.s.with(r.scratch).connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	// Without statistics the first queries take plans for empty tables.
	if _, err := conn.Exec(ctx, "analyze"); err != nil {
		return fmt.Errorf("collecting statistics: %w", err)
	}
	problems, err := collations(ctx, conn)
	for _, p := range problems {
		r.note("%s", p)
	}
	return err
}

func (r *restore) compare(ctx context.Context) error {
	if r.o.NoCompare {
		return nil
	}
	got, err := Inventory(ctx, r.s.with(r.scratch), CompareOptions{Jobs: r.jobs})
	if err != nil {
		return err
	}
	want := r.m.Contents
	// These two are set when the database is published.
	got.Database.Comment, got.Database.ConnLimit = want.Database.Comment, want.Database.ConnLimit
	all := manifest.Diff(want, got)
	for _, d := range all {
		if d.Note {
			r.note("%s", d)
		}
	}
	return differs(manifest.Faults(all))
}

// maxNamed is how many differences an error names.
const maxNamed = 20

func differs(faults []manifest.Difference) error {
	if len(faults) == 0 {
		return nil
	}
	var names []string
	for _, f := range faults[:min(len(faults), maxNamed)] {
		names = append(names, f.String())
	}
	if more := len(faults) - maxNamed; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("%w: %s", ErrDifferent, strings.Join(names, "; "))
}

// close drops what is unfinished, on a context of its own.
func (r *restore) close() {
	if r.admin == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanTime)
	defer cancel()
	if r.scratch != "" {
		if err := dropDatabase(ctx, r.admin, r.s, r.scratch); err != nil {
			r.log(fmt.Sprintf("dropping the scratch database %s: %v; the next restore tries again", r.scratch, err))
		}
	}
	r.admin.close()
}

// cleanTime bounds what is done after a failure.
const cleanTime = time.Minute

// scratchComment marks a database that a restore is filling. It is how a later restore
// knows that nobody misses it.
const scratchComment = "drydock: unfinished restore"

const scratchPrefix = "drydock_restore_"

func scratchName() string { return scratchPrefix + strings.ToLower(rand.Text()[:12]) }
