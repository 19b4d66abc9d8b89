package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/receive"
	"drydock/internal/backup/store"
	"drydock/internal/env"
	"drydock/internal/notify"
)

// RPO is what the environment says about commits that wait until they are safe here.
type RPO struct {
	Zero  bool           // RPO
	Away  receive.Policy // RPO_AWAY, of the guard
	After time.Duration  // RPO_AWAY_AFTER, of the guard
	Keep  int64          // RPO_KEEP in bytes, of the guard
}

func (r *reader) rpo() (o RPO) {
	o.Zero, o.Away, o.After = r.getenv("RPO") == env.RPOZero, receive.Policy(r.or("RPO_AWAY", env.AwayWait)), r.duration("RPO_AWAY_AFTER", "10s")
	if o.Away != receive.Wait && o.Away != receive.Degrade {
		r.complain("RPO_AWAY", strconv.Quote(string(o.Away))+" is neither wait nor degrade")
	}
	keep, err := env.MemoryBytes(r.or("RPO_KEEP", "4g"))
	if err != nil {
		r.complain("RPO_KEEP", err.Error())
	}
	o.Keep = keep
	return o
}

// receivedDir is where the log is received, in the volume of the repository: not in the
// database's, and at hand wherever a physical backup is restored.
const receivedDir = "/var/lib/pgbackrest/received"

// toolPath is where the image has PostgreSQL's programs.
const toolPath = "/usr/local/bin:/usr/bin:/bin"

func (c Config) receiveServer() receive.Server {
	return receive.Server{Host: c.Server.Host, Port: c.Server.Port, User: c.Server.User, Password: c.Server.Password, Database: c.Server.Database}
}

// offRetry is how often it is tried again to take RPO=zero away from a server that does not answer.
const offRetry = 5 * time.Second

// noLoss receives the log while RPO is zero, and else takes away what that left in the server.
// It returns when the context ends.
func (s *Service) noLoss(ctx context.Context, tell func(notify.Event)) {
	if s.Config.ReadOnly {
		return
	}
	if !s.Config.RPO.Zero {
		s.switchedOff(ctx)
		return
	}
	gaps := make(chan struct{}, 1)
	r := receive.Receiver{
		Server: s.Config.receiveServer(), Dir: receivedDir, Path: toolPath, Log: s.Log, Tell: tell, Archived: s.archived,
		NewRun: func(string) {
			select {
			case gaps <- struct{}{}:
			default: // it is known already
			}
		},
	}
	go s.fillGaps(ctx, gaps)
	if err := r.Run(ctx); err != nil {
		s.Log.Error("the log is not received", "error", s.masked(err).Error())
	}
}

func (s *Service) switchedOff(ctx context.Context) {
	for warned := false; ; {
		done, err := receive.Off(ctx, s.Config.receiveServer())
		for _, what := range done {
			s.Log.Info("RPO is not zero: " + what)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		if !warned {
			s.Log.Warn("whether something is left of RPO=zero cannot be seen yet", "error", s.masked(err).Error())
			warned = true
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(offRetry):
		}
	}
}

// fillGaps makes a backup after each beginning of a run of the log: from then on a restore needs
// nothing that was before it.
func (s *Service) fillGaps(ctx context.Context, gaps <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-gaps:
		}
		for {
			// The watcher makes the very first one (see missing), and a lock keeps them apart.
			_, err := s.copyAll(ctx, store.LevelIncremental, nil)
			if err == nil || ctx.Err() != nil {
				break
			}
			s.Log.Warn("the backup after a gap in the received log has to wait", "error", s.masked(err).Error())
			select {
			case <-ctx.Done():
				return
			case <-time.After(watchRetry):
			}
		}
	}
}

// archived are the segments of a database that the local repository holds.
func (s *Service) archived(ctx context.Context, system string) (map[string]bool, error) {
	held := map[string]bool{}
	for _, r := range s.Config.Physical.Repos {
		if r.Name != physical.Local {
			continue
		}
		info, err := r.Info(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range info.Clusters {
			if strconv.FormatUint(c.SystemID, 10) != system {
				continue
			}
			a, err := r.Archive(ctx, c)
			if err != nil {
				return nil, err
			}
			for name := range a.Segments {
				held[name] = true
			}
		}
	}
	return held, nil
}

// complete adds what was received, and is not archived yet, to a restored data directory.
func (s *Service) complete(ctx context.Context, r physical.Repo, dir string, t physical.Target) error {
	info, err := r.Info(ctx)
	if err != nil {
		return err
	}
	c, err := receive.Complete(ctx, receive.CompleteOptions{
		Received: receivedDir, System: strconv.FormatUint(info.Cluster(t.Backup.Cluster).SystemID, 10), Data: dir, Log: physical.LogDir,
		Latest: t.Time.IsZero() && !t.Now, Path: toolPath, Say: s.said,
	})
	if err != nil {
		return err
	}
	if c.Segments > 0 {
		s.said(fmt.Sprintf("added %d segments of the log that were received and not archived yet, up to %s", c.Segments, c.Last))
	}
	return r.Fill(ctx, t, dir)
}

// archive is the log of a database in a repository: what is archived there, and all that a
// restore can use. Beside the local repository lies what was received; a restore from another
// one is for when that volume is lost, and must not seem to lead further than it does then.
func (s *Service) archive(ctx context.Context, r physical.Repo, c physical.Cluster) (own, all physical.Archive, err error) {
	var received []physical.Received
	if r.Name == physical.Local {
		// Before the archive is asked: what is archived in between, and then removed here, is in both.
		if received, err = receivedOf(receivedDir, c); err != nil {
			return own, all, err
		}
	}
	if own, err = r.Archive(ctx, c); err != nil {
		return own, all, err
	}
	all, err = own.With(received)
	return own, all, err
}

// archives are all that a restore of these backups can use, by the number of their cluster.
func (s *Service) archives(ctx context.Context, r physical.Repo, info physical.Info, backups []physical.Backup) (map[int]physical.Archive, error) {
	archives := map[int]physical.Archive{}
	for _, b := range backups {
		if _, ok := archives[b.Cluster]; ok {
			continue
		}
		_, all, err := s.archive(ctx, r, info.Cluster(b.Cluster))
		if err != nil {
			return nil, err
		}
		archives[b.Cluster] = all
	}
	return archives, nil
}

// receivedOf lists what was received of a database.
func receivedOf(dir string, c physical.Cluster) (list []physical.Received, err error) {
	// What is left out is told when it would be used (see complete).
	files, err := receive.Find(dir, strconv.FormatUint(c.SystemID, 10), func(string) {})
	if err != nil {
		return nil, err
	}
	for name, f := range files {
		one := physical.Received{Name: name, Time: f.At, Partial: !f.Whole}
		if strings.HasSuffix(name, ".history") {
			text, err := os.ReadFile(f.Path)
			if errors.Is(err, fs.ErrNotExist) {
				continue // an old run, which was removed just now
			}
			if err != nil {
				return nil, fmt.Errorf("reading a history that was received: %w", err)
			}
			one.History = string(text)
		}
		list = append(list, one)
	}
	return list, nil
}

// Guard decides whether commits wait, until the context ends (see receive.Guard). It has no
// repository.
func Guard(ctx context.Context, c Config, log *slog.Logger) (err error) {
	s := &Service{Config: c, Log: log}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("asking for the host's name: %w", err)
	}
	sender, err := s.sender(host)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSender(ctx, sender)) }()
	g := &receive.Guard{
		Server: s.Config.receiveServer(), Policy: s.Config.RPO.Away, After: s.Config.RPO.After, MaxHeld: s.Config.RPO.Keep,
		Tell: sender.Notify, Log: s.Log, WayOut: "docker exec " + c.Project + "-guard-1 backup release",
	}
	server := &http.Server{Addr: receive.GuardAddr, Handler: g.Handler(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		failed <- server.ListenAndServe()
		stop()
	}()
	err = g.Run(ctx)
	_ = server.Close() // nothing is lost with it
	if serveErr := <-failed; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serving the guard's state: %w", serveErr))
	}
	return err
}

// Release lets commits go on without the receiver, until it is back.
func (c Config) Release(ctx context.Context) error { return receive.Release(ctx, c.receiveServer()) }

// loss is how safe an acknowledged commit is now.
type loss struct {
	State  receive.State `json:"state"`
	Behind int64         `json:"behind_bytes"`
	Waits  int           `json:"commits_waiting"`
	Held   int64         `json:"slot_held_bytes"`
	Bound  int64         `json:"slot_bound_bytes"`
	Error  string        `json:"error,omitempty"`
}

// lossNow asks the database; nil where RPO is not zero.
func (s *Service) lossNow(ctx context.Context) *loss {
	if !s.Config.RPO.Zero {
		return nil
	}
	o, err := receive.Look(ctx, s.Config.receiveServer())
	if err != nil {
		return &loss{State: receive.Unknown, Error: s.masked(err).Error()}
	}
	return &loss{State: o.State(), Behind: o.Behind(), Waits: o.Waiting, Held: o.Held, Bound: o.MaxHeld}
}

func (l *loss) write(w io.Writer) (err error) {
	switch {
	case l == nil:
	case l.Error != "":
		_, err = fmt.Fprintf(w, "no loss: not known: %s\n", l.Error)
	case l.State == receive.Zero:
		_, err = fmt.Fprintf(w, "no loss: every acknowledged commit is here, too\n")
	case l.State == receive.Waiting:
		_, err = fmt.Fprintf(w, "no loss: WAITING: %d commits wait for this service, which is %s behind\n", l.Waits, store.Bytes(l.Behind))
	default:
		_, err = fmt.Fprintf(w, "no loss: DEGRADED: commits go on without this service; the database keeps %s of its log for it, at most %s\n", store.Bytes(l.Held), store.Bytes(l.Bound))
	}
	return err
}
