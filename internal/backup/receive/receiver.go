package receive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"drydock/internal/notify"
	"drydock/internal/run"
)

// Receiver keeps WAL in a folder.
type Receiver struct {
	Server Server
	Dir    string
	Path   string // folders like in PATH, of pg_receivewal
	Log    *slog.Logger
	Tell   func(notify.Event)

	// Archived lists the segments of a database that the archive holds safely; nil keeps all.
	Archived func(ctx context.Context, system string) (map[string]bool, error)
	// NewRun is called when a run begins because the one before could not go on. Until a base
	// backup that began later is there, a restore needs the archive up to the run's beginning.
	NewRun func(reason string)

	mu    sync.Mutex
	state Received
}

// Received is what the receiver knows.
type Received struct {
	Run    string // folder; "" before the first
	Synced LSN
	Behind int64 // bytes
	At     time.Time
	Error  string // what ended the last stream; "" while one runs
}

// State is the state now.
func (r *Receiver) State() Received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

func (r *Receiver) update(change func(*Received)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.state)
}

// Between two attempts. Commits may be waiting, so it stays short.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 3 * time.Second
	stable     = 10 * time.Second // a stream that lasted so long starts the pauses again
)

// Run streams until the context ends. Whatever fails is tried again.
func (r *Receiver) Run(ctx context.Context) error {
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return fmt.Errorf("making the folder for the WAL: %w", err)
	}
	pause := firstPause
	for {
		began := time.Now()
		err := r.stream(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = errors.New("the server ended the connection")
		}
		r.update(func(s *Received) { s.Error = oneLine(err.Error()) })
		r.Log.Warn("no WAL is received; trying again", "error", err.Error())
		if time.Since(began) > stable {
			pause = firstPause
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		pause = min(2*pause, lastPause)
	}
}

// stream finds out which database it is, opens the run, and receives until something ends it.
func (r *Receiver) stream(ctx context.Context) error {
	s, err := connect(ctx, r.Server)
	if err != nil {
		return err
	}
	defer s.close()
	// During a recovery it answers, too, from a position that it will pass: taken for its own,
	// what it is about to read from us would look like another history.
	if _, err := s.observe(ctx); err != nil {
		return err
	}
	id, err := s.identify(ctx)
	if err != nil {
		return err
	}
	size, err := s.segmentSize(ctx)
	if err != nil {
		return err
	}
	slot := slotName(id.System)
	there, lost, err := s.slot(ctx, slot)
	if err != nil {
		return err
	}
	folder, reason, err := openRun(r.Dir, id, there, lost)
	if err != nil {
		return err
	}
	if err := s.prepareSlot(ctx, slot, there, lost || reason != ""); err != nil {
		return err
	}
	if err := repair(folder, size); err != nil {
		return err
	}
	if reason != "" {
		r.Log.Info("a new run of WAL begins", "run", folder, "reason", reason)
		if reason != firstRun {
			r.Tell(notify.Event{Event: EventNewRun, Kind: "receiver", Error: reason, Next: "nothing: a backup follows"})
			if r.NewRun != nil {
				r.NewRun(reason)
			}
		}
	}
	r.update(func(st *Received) { *st = Received{Run: folder, At: time.Now()} })
	watching, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watched := make(chan error, 1)
	go func() {
		err := r.watch(watching, s, folder, id, size)
		stop(err)
		watched <- err
	}()
	err = r.receive(watching, folder, slot)
	stop(nil)
	if watchErr := <-watched; watchErr != nil && ctx.Err() == nil {
		return errors.Join(watchErr, err)
	}
	return err
}

// wireTimeout is after how long the server gives up a receiver that does not answer. Until
// then a server that is stopped waits for it, so it is less than the grace of the
// database's container.
const wireTimeout = 10 * time.Second

// receive runs pg_receivewal. --no-loop: which database answers must be asked anew before
// each connection. It is silent, so what it says is an error.
func (r *Receiver) receive(ctx context.Context, folder, slot string) error {
	password := r.Server.Password.Reveal()
	err := run.Run(ctx, run.Cmd{
		Name: "pg_receivewal",
		Args: []string{"--directory=" + folder, "--slot=" + slot, "--synchronous", "--no-loop", "--no-password", "--status-interval=1"},
		Env: []string{
			"PATH=" + r.Path, "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=/nonexistent", "PGHOST=" + r.Server.Host, "PGPORT=" + strconv.Itoa(r.Server.port()),
			"PGUSER=" + r.Server.User, "PGPASSWORD=" + password, "PGPASSFILE=/dev/null", "PGSSLMODE=disable", "PGCONNECT_TIMEOUT=5",
			"PGAPPNAME=" + Standby, "PGOPTIONS=-c wal_sender_timeout=" + strconv.FormatInt(wireTimeout.Milliseconds(), 10),
		},
		Stdout: io.Discard, Stderr: io.Discard, // an error has the last lines
		Redact: []string{password},
	})
	if err != nil {
		return fmt.Errorf("receiving WAL into %s: %w%s", folder, err, hint(err))
	}
	return nil
}

func (s *session) segmentSize(ctx context.Context) (uint64, error) {
	rows, err := s.rows(ctx, "select setting from pg_settings where name = 'wal_segment_size'")
	if err != nil || len(rows) != 1 {
		return 0, fmt.Errorf("asking for the size of a segment: %w", errors.Join(err, fmt.Errorf("%d rows", len(rows))))
	}
	return strconv.ParseUint(rows[0][0], 10, 64)
}

func (s *session) slot(ctx context.Context, name string) (there, lost bool, err error) {
	rows, err := s.rows(ctx, "select wal_status from pg_replication_slots where slot_name = "+quoteText(name))
	if err != nil {
		return false, false, fmt.Errorf("asking about the slot %s: %w", name, err)
	}
	if len(rows) == 0 {
		return false, false, nil
	}
	return true, rows[0][0] == "lost", nil
}

// prepareSlot makes the slot, keeping WAL from now on, or frees the one that is there.
func (s *session) prepareSlot(ctx context.Context, name string, there, fresh bool) error {
	if there && !fresh {
		return s.freeSlot(ctx, name)
	}
	if there {
		if err := s.dropSlot(ctx, name); err != nil {
			return err
		}
	}
	if err := s.do(ctx, "CREATE_REPLICATION_SLOT "+quoteName(name)+" PHYSICAL RESERVE_WAL"); err != nil {
		return fmt.Errorf("making the replication slot %s: %w", name, err)
	}
	return nil
}

// pruneEvery is how often segments that the archive holds are removed.
const pruneEvery = 30 * time.Second

// watch keeps track of a stream: how far it is, whether what arrives is the right
// database's, and what is not needed any more.
func (r *Receiver) watch(ctx context.Context, s *session, folder string, id identity, size uint64) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	var noted LSN
	var pruned time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		o, err := s.observe(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		r.update(func(st *Received) { st.Synced, st.Behind, st.At = o.Flushed, o.Behind(), time.Now() })
		if o.Flushed > noted {
			if err := writePosition(folder, position{Synced: o.Flushed, At: time.Now().UTC()}); err != nil {
				return err
			}
			noted = o.Flushed
		}
		if time.Since(pruned) < pruneEvery {
			continue
		}
		pruned = time.Now()
		if err := r.checkNewest(folder, id, size); err != nil {
			return err
		}
		if err := r.prune(ctx, id.System, size); err != nil && ctx.Err() == nil {
			r.Log.Error("WAL that the archive holds could not be removed", "error", err.Error())
		}
	}
}

// checkNewest looks into the newest whole segment of the run.
func (r *Receiver) checkNewest(folder string, id identity, size uint64) error {
	list, err := segmentsIn(folder, size)
	if err != nil || len(list) == 0 {
		return err
	}
	last := list[len(list)-1]
	return Belongs(filepath.Join(folder, last.Name(size)), id.System, last.Start(size))
}
