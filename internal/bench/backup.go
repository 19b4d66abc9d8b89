package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"drydock/internal/drill"
)

const backupScene = "backups of about 1 GB"

// measured is one way to make a backup, or to bring one back.
type measured struct {
	name string
	do   func(context.Context) error
	size func(context.Context) (float64, error) // bytes; nil has none
}

// numbers are what was measured, by name of the way.
type numbers struct {
	took, cpu, size map[string]Sample
}

// Backups measures ours beside the tools that people use without us, on the same database:
// time, processor time of all that takes part, size, what it costs the live database, and a
// drill beside a bare restore.
func Backups(ctx context.Context, o DeployOptions) (rows []Row, err error) {
	const what = "measuring backups"
	s, err := newSite(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	n := numbers{map[string]Sample{}, map[string]Sample{}, map[string]Sample{}}
	for round := range o.Rounds {
		if err := s.sql(ctx, s.st.Settings.Database.Name, "CHECKPOINT"); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		for _, m := range s.ways(round) {
			_, _ = fmt.Fprintf(o.Err, "backups, round %d of %d: %s\n", round+1, o.Rounds, m.name) // narration
			if err := s.measure(ctx, n, m); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", what, m.name, err)
			}
		}
	}
	rows = n.rows()
	cost, err := s.cost(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return append(rows, cost...), nil
}

// The names of the ways; each peer comes before what is compared with it.
const (
	plainDump   = "pg_dump -Fd -j2, zstd"
	customDump  = "pg_dump -Fc"
	gzipDump    = "pg_dump | gzip"
	ourDump     = "backup:dump"
	baseBackup  = "pg_basebackup, zstd"
	barePgb     = "pgbackrest, full"
	ourFull     = "backup:full"
	barePart    = "pgbackrest, incremental, 1 % changed"
	ourPart     = "backup:incremental, 1 % changed"
	bareRestore = "pg_restore -j2"
	ourRestore  = "backup:restore, checked and compared"
	ourDrill    = "backup:restoreDrill of the dump"
)

// parts is how many incremental backups a round makes of each kind.
const parts = 3

func (s *site) ways(round int) []measured {
	peer := func(script string) func(context.Context) error {
		return func(ctx context.Context) error { return s.sh(ctx, s.peer, script) }
	}
	at := func(path string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) { return s.number(ctx, s.peer, "du -sb "+path+" | cut -f1") }
	}
	ours := func(do func(context.Context) error) measured {
		return measured{do: do, size: func(ctx context.Context) (float64, error) { return s.newest(ctx) }}
	}
	named := func(name string, m measured) measured { m.name = name; return m }
	all := []measured{
		{plainDump, peer("rm -rf /out/d; pg_dump -Fd -j2 --compress=zstd:3 -f /out/d; sync -f /out"), at("/out/d")},
		{customDump, peer("pg_dump -Fc -f /out/c; sync -f /out"), at("/out/c")},
		{gzipDump, peer("set -o pipefail 2>/dev/null; pg_dump | gzip >/out/g; sync -f /out"), at("/out/g")},
		named(ourDump, ours(func(ctx context.Context) error { return s.remote(io.Discard).Dump(ctx) })),
		{baseBackup, peer("rm -rf /out/b; pg_basebackup -Ft -X fetch -c fast --compress=client-zstd:3 -D /out/b; sync -f /out"), at("/out/b")},
		{barePgb, peer("pgbackrest --config=/tmp/pgbackrest.conf --stanza=main --type=full backup; sync -f /var/lib/pgbackrest"), at("/var/lib/pgbackrest/backup/main/latest/")},
		named(ourFull, ours(func(ctx context.Context) error { return s.remote(io.Discard).Copy(ctx, "full") })),
	}
	// What it takes pgBackRest to begin is between nothing and a second, since it waits for the
	// clock's next one: each round has a few.
	for n := range parts {
		begin := round*parts + n
		all = append(all,
			measured{"changing 1 %", func(ctx context.Context) error {
				// One hundredth of the rows, side by side, as new ones are.
				return s.sql(ctx, s.st.Settings.Database.Name, fmt.Sprintf("UPDATE events SET kind = 'changed' WHERE id BETWEEN %d AND %d; UPDATE files SET content = content || '\\x00' WHERE id BETWEEN %d AND %d; CHECKPOINT",
					begin*events/100+1, (begin+1)*events/100, begin*files/100+1, (begin+1)*files/100))
			}, nil},
			measured{barePart, peer("pgbackrest --config=/tmp/pgbackrest.conf --stanza=main --type=incr backup; sync -f /var/lib/pgbackrest"), at("/var/lib/pgbackrest/backup/main/latest/")},
			named(ourPart, ours(func(ctx context.Context) error { return s.remote(io.Discard).Copy(ctx, "incremental") })),
		)
	}
	return append(all,
		measured{bareRestore, peer("dropdb --if-exists bare; createdb bare; pg_restore -j2 -d bare /out/d; dropdb bare"), nil},
		measured{ourRestore, func(ctx context.Context) error {
			var out bytes.Buffer
			if err := s.remote(&out).Restore(ctx); err != nil {
				return err
			}
			return s.sh(ctx, s.peer, `for d in $(psql -XAtc "SELECT datname FROM pg_database WHERE datname LIKE '%restored%'"); do dropdb "$d"; done`)
		}, nil},
		measured{ourDrill, s.drill, nil},
	)
}

// drill proves the newest dump; its own narration is not ours.
func (s *site) drill(ctx context.Context) error {
	settings := *s.st.Settings
	var err error
	if settings.Options.Backup, err = s.newestDump(ctx); err != nil {
		return err
	}
	return (&drill.Drill{Settings: &settings, Engine: s.st.Engine, Out: io.Discard, Err: io.Discard, Labels: s.labels}).Run(ctx)
}

func (s *site) measure(ctx context.Context, n numbers, m measured) error {
	before, err := s.cpu(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := m.do(ctx); err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	after, err := s.cpu(ctx)
	if err != nil {
		return err
	}
	n.took[m.name] = append(n.took[m.name], took)
	n.cpu[m.name] = append(n.cpu[m.name], after-before)
	if m.size != nil {
		size, err := m.size(ctx)
		if err != nil {
			return err
		}
		n.size[m.name] = append(n.size[m.name], size/1e6)
	}
	return nil
}

// listed is what is read of `backup:list`.
type listed struct {
	ID     string  `json:"id"`
	Kind   string  `json:"kind"`
	OnDisk float64 `json:"on_disk"`
}

func (s *site) list(ctx context.Context) ([]listed, error) {
	var out bytes.Buffer
	r := s.remote(&out)
	settings := *s.st.Settings
	settings.Options.Format = "json"
	r.Settings = &settings
	if err := r.List(ctx); err != nil {
		return nil, err
	}
	var all struct{ Backups []listed }
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		return nil, fmt.Errorf("reading the list of backups: %w", err)
	}
	if len(all.Backups) == 0 {
		return nil, errors.New("there is no backup")
	}
	return all.Backups, nil
}

// newest is the size of the backup that was made last, in bytes.
func (s *site) newest(ctx context.Context) (float64, error) {
	all, err := s.list(ctx)
	if err != nil {
		return 0, err
	}
	return all[len(all)-1].OnDisk, nil
}

func (s *site) newestDump(ctx context.Context) (id string, err error) {
	all, err := s.list(ctx)
	for _, b := range all {
		if b.Kind == "dump" {
			id = b.ID
		}
	}
	return id, err
}

// rows puts each of ours beside the peer that does the same.
func (n numbers) rows() (rows []Row) {
	for _, group := range []struct {
		title string
		peer  string
		names []string
	}{
		{"dump", plainDump, []string{plainDump, customDump, gzipDump, ourDump}},
		{"files", barePgb, []string{baseBackup, barePgb, ourFull}},
		{"a part against all of it", ourFull, []string{ourFull, ourPart}},
		{"a part against all of it, pgBackRest alone", barePgb, []string{barePgb, barePart}},
		{"back again", bareRestore, []string{bareRestore, ourRestore, ourDrill}},
	} {
		for _, unit := range []struct {
			of   map[string]Sample
			name string
		}{{n.took, "s"}, {n.cpu, "s of processor"}, {n.size, "MB"}} {
			for _, name := range group.names {
				if name == ourDrill && unit.name == "s of processor" {
					continue // it works in containers of its own, which are not counted
				}
				if sample := unit.of[name]; len(sample) > 0 {
					rows = append(rows, row(backupScene+", "+group.title+", "+unit.name, name, unit.name, sample, group.peer, unit.of[group.peer]))
				}
			}
		}
	}
	return rows
}

// costTime is how long the live database is asked in each state.
const costTime = 12 * time.Second

// cost measures transactions with nothing else going on, and during each kind of backup.
func (s *site) cost(ctx context.Context, o DeployOptions) ([]Row, error) {
	const scene, quiet = "transactions while a backup is made", "no backup"
	peer := func(script string) func(context.Context) error {
		return func(ctx context.Context) error { return s.sh(ctx, s.peer, script) }
	}
	ways := []measured{
		{name: quiet},
		{name: plainDump, do: peer("rm -rf /out/d; pg_dump -Fd -j2 --compress=zstd:3 -f /out/d")},
		{name: ourDump, do: func(ctx context.Context) error { return s.remote(io.Discard).Dump(ctx) }},
		{name: barePgb, do: peer("pgbackrest --config=/tmp/pgbackrest.conf --stanza=main --type=full backup")},
		{name: ourFull, do: func(ctx context.Context) error { return s.remote(io.Discard).Copy(ctx, "full") }},
	}
	tps := map[string]Sample{}
	for round := range o.Rounds {
		for _, m := range ways {
			_, _ = fmt.Fprintf(o.Err, "transactions, round %d of %d: %s\n", round+1, o.Rounds, m.name) // narration
			n, err := s.tps(ctx, m.do)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			tps[m.name] = append(tps[m.name], n)
		}
	}
	var rows []Row
	for _, m := range ways {
		rows = append(rows, row(scene, m.name, "transactions/s", tps[m.name], quiet, tps[quiet]))
	}
	return rows, nil
}

// tps runs pgbench's own mix of statements while do is done, again and again.
func (s *site) tps(ctx context.Context, do func(context.Context) error) (float64, error) {
	stop := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		for do != nil {
			if err := do(ctx); err != nil {
				ended <- err
				return
			}
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
		}
		ended <- nil
	}()
	d := s.st.Settings.Database
	script := fmt.Sprintf("/usr/lib/postgresql/*/bin/pgbench -n -c 4 -T %d -U %s %s 2>/dev/null | sed -n 's/^tps = \\([0-9.]*\\).*/\\1/p'", int(costTime.Seconds()), d.User, d.Name)
	n, err := s.number(ctx, s.db, strings.TrimSpace(script))
	close(stop)
	return n, errors.Join(err, <-ended)
}
