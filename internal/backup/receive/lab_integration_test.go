//go:build integration

package receive

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/notify"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// The receiver and the guard run where they do in a stack: each in a container of its own,
// beside a real server. The program in there is this test binary, without cgo; PostgreSQL's
// image has pg_receivewal, too.
func TestMain(m *testing.M) {
	if verb := os.Getenv("RECEIVE_PROGRAM"); verb != "" {
		os.Exit(run.Code(program(verb)))
	}
	os.Exit(m.Run())
}

func program(verb string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	sender, err := notify.New(notify.Config{URL: os.Getenv("WEBHOOK"), Project: "lab", Warn: func(err error) { log.Error(err.Error()) }})
	if err != nil {
		return err
	}
	server := Server{Host: "db", User: "app", Password: labPassword, Database: "app"}
	if verb == "complete" {
		c, err := Complete(ctx, CompleteOptions{Received: os.Getenv("FROM"), System: os.Getenv("SYSTEM"), Data: pgData, Log: "wal", Latest: true, Path: "/usr/bin:/bin",
			Say: func(line string) { log.Info(line) }})
		log.Info("complete", "segments", c.Segments, "last", c.Last, "timeline", c.Timeline)
		return err
	}
	if verb == "receiver" {
		r := &Receiver{Server: server, Dir: labDir, Path: "/usr/bin:/bin", Log: log, Tell: sender.Notify}
		return r.Run(ctx)
	}
	after, err := time.ParseDuration(os.Getenv("AFTER"))
	if err != nil {
		return err
	}
	held, err := strconv.ParseInt(os.Getenv("HELD"), 10, 64)
	if err != nil {
		return err
	}
	g := &Guard{Server: server, Policy: Policy(os.Getenv("POLICY")), After: after, MaxHeld: held, Tell: sender.Notify, Log: log}
	go func() { log.Error("serving ended", "error", http.ListenAndServe(GuardAddr, g.Handler())) }()
	return g.Run(ctx)
}

const (
	labPassword = env.Secret(`pass__$85858#'x %:\`)
	labDir      = "/received/wal"
	pgData      = "/var/lib/postgresql/data"
)

// lab is a database, a receiver, a guard and somebody who gets their messages.
type lab struct {
	t        *testing.T
	e        *engine.Client
	image    string
	network  engine.Network
	programs engine.Volume // the test binary
	received engine.Volume

	db, data        string // container and volume
	receiver, guard string
	hookAddr        string

	mu     sync.Mutex
	events []string
}

func newLab(t *testing.T, policy Policy, after time.Duration, held int64) *lab {
	t.Helper()
	p := prepared()
	require.NoError(t, p.err)
	l := &lab{t: t, e: testkit.Engine(t), image: p.image, network: testkit.Network(t, false), programs: testkit.Volume(t), received: testkit.Volume(t)}
	archive, err := engine.Tar(engine.File{Name: "./", Mode: 0o755}, engine.File{Name: "test", Mode: 0o755, Data: p.program})
	require.NoError(t, err)
	require.NoError(t, l.e.WriteVolume(t.Context(), l.image, l.programs.Name, archive))
	archive, err = engine.Tar(engine.File{Name: "./", Mode: 0o700, UID: 999, GID: 999})
	require.NoError(t, err)
	require.NoError(t, l.e.WriteVolume(t.Context(), l.image, l.received.Name, archive))
	l.listen()
	l.data = testkit.Volume(t).Name
	l.startDB()
	l.startReceiver()
	l.guard = testkit.Start(t, l.spec("guard", "WEBHOOK="+l.hookAddr, "POLICY="+string(policy), "AFTER="+after.String(), fmt.Sprint("HELD=", held)))
	return l
}

var using = flag.String("postgres-image", "", "an image of PostgreSQL to use instead of building this checkout's")

// prepared is made once for all tests: the image, and this test binary for any C library.
var prepared = sync.OnceValue(func() (p struct {
	image   string
	program []byte
	err     error
}) {
	p.err = func() error {
		ctx := context.Background()
		root, err := filepath.Abs("../../..")
		if err != nil {
			return err
		}
		settings, err := env.Load(env.Source{Root: root, Env: "dev", Environ: os.Environ(), ReadOnly: true})
		if err != nil {
			return err
		}
		if p.image = *using; p.image == "" {
			e, err := engine.Open(ctx, settings.Options.Host)
			if err != nil {
				return err
			}
			defer e.Close()
			list, err := image.Build(ctx, image.BuildOptions{Settings: settings, Engine: e, Err: os.Stderr, Names: []string{image.Postgres}, Stage: image.StageProd})
			if err != nil {
				return err
			}
			p.image = list[0].Ref
		}
		dir, err := os.MkdirTemp("", "receive")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		var said strings.Builder
		err = run.Run(ctx, run.Cmd{
			Name: "go", Args: []string{"test", "-c", "-tags=integration", "-o", filepath.Join(dir, "test"), "./internal/backup/receive"}, Dir: root,
			Env: append(os.Environ(), "CGO_ENABLED=0"), Stdout: &said, Stderr: &said,
		})
		if err != nil {
			return fmt.Errorf("%w: %s", err, said.String())
		}
		p.program, err = os.ReadFile(filepath.Join(dir, "test"))
		return err
	}()
	return p
})

func (l *lab) spec(verb string, environ ...string) engine.Spec {
	return engine.Spec{
		Name: verb, Image: l.image, Entrypoint: []string{"/t/test"}, Cmd: []string{}, Env: append(environ, "RECEIVE_PROGRAM="+verb),
		Attach: []engine.Attach{{Network: l.network.Name}}, ReadOnly: true, CapDrop: []string{"ALL"}, NoNewPrivileges: true,
		Tmpfs: map[string]string{"/tmp": "mode=1777"}, Restart: "unless-stopped", Health: &engine.HealthCheck{Cmd: []string{"true"}},
		Mounts: []engine.Mount{{Name: l.programs.Name, Target: "/t", ReadOnly: true}, {Name: l.received.Name, Target: "/received"}},
	}
}

func (l *lab) startReceiver() {
	l.receiver = testkit.Start(l.t, l.spec("receiver", "WEBHOOK="+l.hookAddr))
}

func (l *lab) startDB() {
	l.t.Helper()
	l.db = testkit.Container(l.t, engine.Spec{
		Name: "db", Image: l.image, Attach: []engine.Attach{{Network: l.network.Name, Aliases: []string{"db"}}},
		Env:    []string{"POSTGRES_USER=app", "POSTGRES_PASSWORD=" + labPassword.Reveal()},
		Tmpfs:  map[string]string{"/run/postgresql": "uid=999,gid=999,mode=0755", "/tmp": "mode=1777"},
		Mounts: []engine.Mount{{Name: l.data, Target: pgData}},
		// One process: what a script leaves behind when it takes too long goes to process 1, and
		// PostgreSQL takes the end of a child that it does not know for a crash.
		Health: &engine.HealthCheck{Cmd: []string{"pg_isready", "-q", "-h", "127.0.0.1"}, Interval: time.Second, Timeout: 10 * time.Second, StartPeriod: 10 * time.Minute},
	}).ID
}

// loseDatabase is the accident: the server is killed, and its volume is gone.
func (l *lab) loseDatabase() {
	l.t.Helper()
	require.NoError(l.t, l.e.Kill(l.t.Context(), l.db, "KILL"))
	require.NoError(l.t, l.e.Remove(l.t.Context(), l.db))
	require.NoError(l.t, l.e.RemoveVolume(l.t.Context(), l.data))
}

// once runs a script as the server's user, with what the restore needs mounted.
func (l *lab) once(script string, mounts ...engine.Mount) string {
	l.t.Helper()
	var out strings.Builder
	err := l.e.RunOnce(l.t.Context(), engine.Spec{
		Name: testkit.Name(l.t, "once"), Labels: testkit.Labels(l.t), Image: l.image, Entrypoint: []string{"bash", "-euc", script}, Cmd: []string{},
		Env: []string{"PGPASSWORD=" + labPassword.Reveal()}, Attach: []engine.Attach{{Network: l.network.Name}},
		Mounts: append(mounts, engine.Mount{Name: l.received.Name, Target: "/received"}),
	}, engine.Streams{Out: &out, Err: &out})
	require.NoError(l.t, err, out.String())
	return out.String()
}

func (l *lab) baseBackup() {
	l.t.Helper()
	l.once("pg_basebackup --host=db --username=app --pgdata=/received/base --wal-method=none --checkpoint=fast")
}

// restore makes a new volume of the base backup and what was received, and starts on it.
func (l *lab) restore() {
	l.t.Helper()
	l.data = testkit.Volume(l.t).Name
	// There, a new volume gets its owner from the image.
	l.complete(labDir)
	l.startDB()
	l.until("the server is out of recovery", func(ctx context.Context) bool {
		c, err := l.connect(ctx)
		if err != nil {
			return false
		}
		defer c.Close(ctx)
		var recovering bool
		return c.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&recovering) == nil && !recovering
	})
}

// complete lays the base backup and what was received into the volume, and returns what it said.
func (l *lab) complete(from string) string {
	l.t.Helper()
	return l.once(`cd `+pgData+`; cp -a /received/base/. .; touch recovery.signal; mkdir wal
echo "restore_command = 'test -f wal/%f.zst && zstd -dqf wal/%f.zst -o \"%p\"'" >>postgresql.auto.conf
SYSTEM=$(pg_controldata -D . | sed -n 's/^Database system identifier: *//p') FROM=`+from+` RECEIVE_PROGRAM=complete /t/test
! grep synchronous_standby_names postgresql.auto.conf`, engine.Mount{Name: l.data, Target: pgData}, engine.Mount{Name: l.programs.Name, Target: "/t", ReadOnly: true})
}

// listen is the webhook's other end.
func (l *lab) listen() {
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(l.t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m struct{ Event, Error string }
		if json.Unmarshal(body, &m) == nil {
			l.mu.Lock()
			l.events = append(l.events, m.Event+": "+m.Error)
			l.mu.Unlock()
		}
	})}
	go func() { _ = server.Serve(listener) }() // until Close
	l.t.Cleanup(func() { _ = server.Close() })
	probe := testkit.Container(l.t, engine.Spec{Name: "gateway-of", Attach: []engine.Attach{{Network: l.network.Name}}, Cmd: []string{"sleep", "1h"}})
	for _, e := range probe.Networks {
		l.hookAddr = "http://" + net.JoinHostPort(e.Gateway.String(), strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	}
}

// told waits until a message with the text came.
func (l *lab) told(text string) {
	l.t.Helper()
	l.until("a message: "+text, func(context.Context) bool { return l.count(text) > 0 })
}

func (l *lab) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if strings.Contains(e, text) {
			n++
		}
	}
	return n
}

// until waits for what has no event to wait for, generously: the machine may be busy.
func (l *lab) until(what string, ok func(context.Context) bool) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	for !ok(ctx) {
		select {
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			l.t.Fatalf("waited in vain until %s; messages: %q", what, l.events)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (l *lab) address(id string, port int) string {
	in, err := l.e.Container(l.t.Context(), id)
	require.NoError(l.t, err)
	a, ok := in.Address(l.network.Name)
	require.True(l.t, ok, "%s has no address", in.Name)
	return net.JoinHostPort(a.String(), strconv.Itoa(port))
}

// state waits for a state of the guard, by its metrics.
func (l *lab) state(want State) {
	l.t.Helper()
	address := l.address(l.guard, 9182)
	l.until("the guard says "+string(want), func(ctx context.Context) bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
		require.NoError(l.t, err)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(body), fmt.Sprintf("drydock_rpo_state{state=%q} 1", want))
	})
}

func (l *lab) connect(ctx context.Context) (*pgx.Conn, error) {
	host, port, _ := net.SplitHostPort(l.address(l.db, 5432))
	c, err := pgx.ParseConfig("host=" + host + " port=" + port + " user=app password=x dbname=app sslmode=disable connect_timeout=5")
	require.NoError(l.t, err)
	c.Password = labPassword.Reveal()
	return pgx.ConnectConfig(ctx, c)
}

func (l *lab) exec(sql string) {
	l.t.Helper()
	c, err := l.connect(l.t.Context())
	require.NoError(l.t, err)
	defer c.Close(context.Background())
	_, err = c.Exec(l.t.Context(), sql)
	require.NoError(l.t, err)
}
