package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/alarm"
	"drydock/internal/backup/physical"
	"drydock/internal/backup/schedule"
	"drydock/internal/backup/store"
	"drydock/internal/disk"
	"drydock/internal/notify"
)

func on(states []alarm.State) (list []string) {
	for _, a := range states {
		if a.On {
			list = append(list, a.Event+" "+a.Kind+": "+a.Text)
		}
	}
	return list
}

func TestDisksThatFillUp(t *testing.T) {
	const g = int64(1) << 30
	list := []disk.Disk{{Of: []string{"engine", "backups"}, Free: 30 * g, Total: 100 * g}, {Of: []string{"database"}, Free: 9 * g, Total: 100 * g}, {Of: []string{"physical"}, Free: 11 * g, Total: 100 * g}}
	told := func(key string) bool { return key == "disk physical" }
	assert.Equal(t, []string{
		"disk.full database: the disk with the database has 9GiB of 100GiB left",
		"disk.full physical: the disk with the physical backups has 11GiB of 100GiB left",
	}, on(diskStates(list, disk.Limit{Percent: 10, Bytes: 5 * g}, told)), "one that was told of is not over on the line")
	assert.Empty(t, on(diskStates(list, disk.Limit{}, func(string) bool { return false })))
}

func TestWhatIsTooOld(t *testing.T) {
	const day = 24 * time.Hour
	backup := func(kind string, age time.Duration, proofs ...time.Duration) store.Backup {
		b := store.Backup{}
		b.Kind, b.Finished, b.Verified = kind, noon.Add(-age), &noon
		for _, p := range proofs {
			b.Proofs = append(b.Proofs, store.Proof{At: noon.Add(-p)})
		}
		return b
	}
	old := backup(store.KindConfig, day)
	old.Damaged = &store.Damage{Reason: "bits"}
	for name, c := range map[string]struct {
		list []store.Backup
		want []string
	}{
		"nothing yet":               {nil, nil},
		"young, and nothing proven": {[]store.Backup{backup(store.KindDump, day)}, nil},
		"old, and nothing": {[]store.Backup{backup(store.KindDump, 9*day)}, []string{
			"drill.overdue drill: there is no drill that passed, and the oldest backup is of 2026-02-20T12:00:00Z",
			"backup.overdue config: there is no backup of the configuration, and the oldest backup is of 2026-02-20T12:00:00Z"}},
		"all is well": {[]store.Backup{backup(store.KindDump, 90*day, 30*day, 7*day), backup(store.KindConfig, day)}, nil},
		"too old, and a damaged one does not count": {[]store.Backup{backup(store.KindDump, 90*day, 9*day), backup(store.KindConfig, 3*day), old}, []string{
			"drill.overdue drill: the newest drill that passed is of 2026-02-20T12:00:00Z",
			"backup.overdue config: the newest backup of the configuration is of 2026-02-26T12:00:00Z"}},
	} {
		assert.Equal(t, c.want, on(ageStates(c.list, 8*day, 2*day, noon)), name)
		assert.Empty(t, on(ageStates(c.list, 0, 0, noon)), name)
	}
}

// scene is a service with a lookout of its own clock and probes.
func scene(t *testing.T) (l *lookout, now *time.Time, told *[]string, sick map[string]error) {
	t.Helper()
	root := t.TempDir()
	repository, err := store.Open(root, store.Options{})
	require.NoError(t, err)
	clock := noon
	now, told, sick = &clock, &[]string{}, map[string]error{}
	s := &Service{Store: repository, Config: Config{Root: root, AlarmAfter: 5 * time.Minute}, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return *now }}
	l = newLookout(s, func(e notify.Event) { *told = append(*told, e.Event+" "+e.Kind) })
	l.probes = nil
	for _, name := range []string{"db", "redis"} {
		l.probes = append(l.probes, probe{name, func(context.Context) error { return sick[name] }})
	}
	return l, now, told, sick
}

// The two look at each other: the service tells of the services that it reaches only where
// nobody looks from outside, and when that one is silent.
func TestWhoLooksAtTheServices(t *testing.T) {
	l, now, told, sick := scene(t)
	look := func(after time.Duration) []string {
		*now, *told = noon.Add(after), nil
		l.look(t.Context(), *now)
		return *told
	}
	sick["db"] = errors.New("refused")
	assert.Empty(t, look(0))
	assert.Equal(t, []string{"service.failed db"}, look(5*time.Minute))
	require.NoError(t, l.s.Watched("web-1"))
	sick["redis"] = errors.New("refused")
	assert.Empty(t, look(20*time.Minute), "the other one tells of redis")
	delete(sick, "db")
	assert.Equal(t, []string{"service.recovered db"}, look(25*time.Minute), "what was told is ended by who told it")
	assert.Equal(t, []string{"watch.silent alarm:check"}, look(36*time.Minute))
	assert.Equal(t, []string{"service.failed redis"}, look(42*time.Minute))
	require.NoError(t, l.s.Watched("web-1"))
	assert.Equal(t, []string{"watch.recovered alarm:check"}, look(43*time.Minute))
	assert.Equal(t, []string{"watch.silent alarm:check"}, look(2*time.Hour))
	require.NoError(t, l.s.Unwatched())
	require.NoError(t, l.s.Unwatched())
	assert.Equal(t, []string{"watch.recovered alarm:check"}, look(2*time.Hour+time.Minute))
	delete(sick, "redis")
	assert.Equal(t, []string{"service.recovered redis"}, look(3*time.Hour))

	require.NoError(t, os.WriteFile(l.s.Store.Watched(), []byte("{"), 0o600))
	assert.Empty(t, look(4*time.Hour), "a file that is torn stops nobody from looking")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sick["db"] = context.Canceled
	*now = noon.Add(5 * time.Hour)
	l.look(ctx, *now)
	assert.False(t, l.told.Told("service db"), "what was cut off says nothing")
}

func TestAskingRedis(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"open":     {"+PONG\r\n", ""},
		"closed":   {"-NOAUTH Authentication required.\r\n", ""},
		"loading":  {"-LOADING Redis is loading the dataset in memory\r\n", "LOADING"},
		"hangs up": {"", "no answer to PING"},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			served := make(chan error, 1)
			go func() {
				conn, err := listener.Accept()
				if err == nil {
					_, err = io.ReadFull(conn, make([]byte, len("PING\r\n")))
					_, writeErr := io.WriteString(conn, c.answer)
					err = errors.Join(err, writeErr, conn.Close())
				}
				served <- err
			}()
			err = askRedis(t.Context(), listener.Addr().String())
			require.NoError(t, <-served)
			require.NoError(t, listener.Close())
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}

func TestAskingTheBackend(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/readyz", r.URL.Path)
		w.WriteHeader(status)
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	a := backendAddress{"127.0.0.1", u.Port(), "/readyz"}
	require.NoError(t, askBackend(t.Context(), a))
	status = http.StatusServiceUnavailable
	require.ErrorContains(t, askBackend(t.Context(), a), "503")
	a.host = "nobody.invalid"
	require.Error(t, askBackend(t.Context(), a))
}

// A verification that a person or a timer of the host begins counts for the clock, and one that
// found damage does not.
func TestAVerificationIsNoted(t *testing.T) {
	l, now, _, _ := scene(t)
	_, ok := l.s.lastVerified()
	assert.False(t, ok)
	require.NoError(t, l.s.noteVerified())
	found, ok := l.s.lastVerified()
	assert.True(t, ok)
	assert.True(t, found.At.Equal(*now), found.At)
	l.s.Config.ReadOnly = true
	*now = now.Add(time.Hour)
	require.NoError(t, l.s.noteVerified())
	again, _ := l.s.lastVerified()
	assert.Equal(t, found, again, "a drill's copy is not the repository")
}

// With BACKUP_CLOCK=host nothing is started, and all of it is watched.
func TestTheHostsClock(t *testing.T) {
	for clock, starts := range map[string]bool{"service": true, "host": false, "": true} {
		c, err := FromEnviron(lookup("DB_PASSWORD_FILE=/pw", "BACKUP_CLOCK="+clock, "BACKUP_DIFFERENTIAL=0 3 * * *"), files(map[string]string{"/pw": "x"}))
		require.NoError(t, err)
		s := &Service{Config: c, Log: slog.New(slog.DiscardHandler)}
		s.Config.Physical.Repos = append(s.Config.Physical.Repos, physical.Repo{Name: physical.Local})
		jobs := s.jobs()
		require.NoError(t, schedule.Validate(jobs))
		var names []string
		for _, j := range jobs {
			names = append(names, j.Name)
			assert.Equal(t, starts, j.Do != nil, fmt.Sprint(clock, j.Name))
			assert.NotNil(t, j.Newest, j.Name)
		}
		assert.Equal(t, []string{"dump", "full", "differential", "incremental", "verify"}, names)
	}
}
