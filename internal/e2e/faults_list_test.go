//go:build e2e && faults

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// disks are the volumes that are disks of their own, in bytes: what cannot be full cannot be
// tested.
var disks = map[string]int64{"db": 512 << 20, "repo": 384 << 20, "backup": 64 << 20, "redis": 64 << 20, "gateway": 32 << 20}

func nothing() {}

// calamities are the faults. What a user keeps follows from who needs what: the page comes
// from the frontend through the gateway, notes need a backend and the database.
func calamities() []calamity {
	const (
		half, all  = 50, 100
		everything = "everything"
		pages      = "the page; notes fail at once or within the time limit"
		few        = "the page; a few reads of notes fail before the other backend has them"
		noCache    = "the page, and notes; to write one takes longer"
		reads      = "the page, and notes to read; some cannot be written"
	)
	return []calamity{
		{name: "a backend crashes", gets: everything, do: crash("backend"), back: 30 * time.Second},
		{name: "a backend hangs", apiLost: 5, gets: few, do: hang("backend"), held: 8 * time.Second, back: 30 * time.Second},
		{name: "the frontend crashes", pageLost: half, gets: "notes; the page is away until it is back", do: crash("frontend"), back: 30 * time.Second},
		{name: "the frontend hangs", pageLost: all, gets: "notes; the page waits until it goes on", do: hang("frontend"), held: 6 * time.Second, back: 30 * time.Second},
		{name: "the gateway hangs", pageLost: all, apiLost: all, gets: "nothing until it goes on", do: hang("gateway"), held: 6 * time.Second, back: 30 * time.Second},
		{name: "the gateway crashes", pageLost: half, apiLost: half, gets: "nothing until it is back", do: crash("gateway"), back: 30 * time.Second},
		{name: "the gateway's state is garbage when it starts", pageLost: half, apiLost: half, gets: "nothing until it is back", do: garbage, back: 30 * time.Second},
		{name: "the database crashes", apiLost: all, gets: pages, do: crash("db"), back: time.Minute},
		{name: "the database hangs", apiLost: all, gets: pages, do: hang("db"), held: 6 * time.Second, back: time.Minute},
		{name: "a program beside the database eats all memory of its container", apiLost: all, gets: "everything; the kernel ends the program", do: greedy, back: time.Minute},
		{name: "every connection of the database is taken", apiLost: 10, gets: "everything, over the connections that the backends have", do: taken, held: 6 * time.Second, back: time.Minute},
		{name: "the disk of the database is busy", gets: everything, do: busy, held: 8 * time.Second, back: time.Minute},
		{name: "Redis crashes", apiLost: 10, gets: noCache, do: crash("redis"), back: 30 * time.Second},
		{name: "Redis hangs", apiLost: 10, gets: noCache, do: hang("redis"), held: 6 * time.Second, back: 30 * time.Second},
		{name: "Redis is emptied", gets: everything, back: 10 * time.Second,
			do: inside("redis", `redis-cli --no-auth-warning -a "$(cat /run/secrets/redis_password)" flushall`, "")},
		{name: "Redis loses the end of its file", apiLost: 10, gets: noCache, do: cutShort, back: 30 * time.Second},
		{name: "the backup service crashes", gets: everything, do: crash("backup"), back: time.Minute},
		{name: "the archive cannot be written", gets: everything, held: 6 * time.Second, back: time.Minute,
			do: inside("db", "chmod 0500 /var/lib/pgbackrest/archive/main/*; psql -XqAtU app -d app -c 'SELECT pg_switch_wal()'", "chmod 0750 /var/lib/pgbackrest/archive/main/*")},
		{name: "Redis may not write its files", gets: everything, held: 6 * time.Second, back: 30 * time.Second,
			do: inside("redis", "chmod 0500 /data /data/*", "chmod 0700 /data /data/*")},

		{name: "the disk of the database is full", gets: reads, do: full("db"), held: 6 * time.Second, back: 2 * time.Minute},
		{name: "the disk of Redis is full", gets: everything, do: full("redis"), held: 6 * time.Second, back: time.Minute},
		{name: "the disk of the log archive is full", gets: everything, do: full("repo"), held: 6 * time.Second, back: time.Minute},
		{name: "the disk of the backups is full", gets: everything, do: full("backup"), held: 6 * time.Second, back: time.Minute},
		{name: "the disk of the gateway is full", gets: everything, do: full("gateway"), held: 6 * time.Second, back: time.Minute},

		{name: "a backend is cut off from the data", apiLost: 5, gets: few, held: 8 * time.Second, back: 30 * time.Second,
			do: func(t *testing.T, r *running) func() {
				return testkit.Disconnect(t, r.Settings.Project+"-data", r.service(t, "backend").ID)
			}},
		{name: "gateway and backends do not reach each other", apiLost: all, gets: pages, do: part("gateway", "backend"), held: 6 * time.Second, back: 30 * time.Second},
		{name: "gateway and frontend do not reach each other", pageLost: all, gets: "notes; the page is away", do: part("gateway", "frontend"), held: 6 * time.Second, back: 30 * time.Second},
		{name: "backends and database do not reach each other", apiLost: all, gets: pages, do: part("backend", "db"), held: 6 * time.Second, back: time.Minute},
		{name: "backends and Redis do not reach each other", apiLost: 10, gets: noCache, do: part("backend", "redis"), held: 6 * time.Second, back: time.Minute},
		{name: "database and backup service do not reach each other", gets: everything, do: part("db", "backup"), held: 6 * time.Second, back: time.Minute},
		{name: "one packet of 50 to the gateway is lost", gets: everything, held: 8 * time.Second, back: 30 * time.Second,
			do: func(t *testing.T, r *running) func() { return testkit.Lose(t, r.service(t, "gateway"), 0.02) }},
		{name: "the gateway's line is slow", gets: everything, held: 8 * time.Second, back: 30 * time.Second,
			do: func(t *testing.T, r *running) func() {
				return testkit.Narrow(t, r.service(t, "gateway"), 4_000_000, 400*time.Millisecond)
			}},
	}
}

func crash(service string) func(*testing.T, *running) func() {
	return func(t *testing.T, r *running) func() { testkit.Crash(t, r.service(t, service).ID); return nothing }
}

func hang(service string) func(*testing.T, *running) func() {
	return func(t *testing.T, r *running) func() { return testkit.Pause(t, r.service(t, service).ID) }
}

func part(one, other string) func(*testing.T, *running) func() {
	return func(t *testing.T, r *running) func() {
		return testkit.Part(t, r.services(t, one), r.services(t, other))
	}
}

// inside runs a script in a container, and another one to mend what it did.
func inside(service, script, mend string) func(*testing.T, *running) func() {
	return func(t *testing.T, r *running) func() {
		id := r.service(t, service).ID
		docker(t, "exec", id, "sh", "-euc", script)
		return func() {
			if mend != "" {
				docker(t, "exec", id, "sh", "-euc", mend)
			}
		}
	}
}

// onDisk runs a script with a volume at /v, whether its service runs or not.
func (r *running) onDisk(t *testing.T, volume, script string) {
	t.Helper()
	args := []string{"run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "sh", "--volume", r.Settings.Project + "-" + volume + ":/v"}
	args = append(args, testkit.LabelOptions(t)...)
	docker(t, append(args, r.service(t, "db").Image, "-euc", script)...)
}

// full leaves no byte of a volume free.
func full(volume string) func(*testing.T, *running) func() {
	return func(t *testing.T, r *running) func() {
		r.onDisk(t, volume, "! dd if=/dev/zero of=/v/filler bs=1M 2>/v/said || exit 1; ! dd if=/dev/zero of=/v/more bs=512 2>/dev/null || exit 1; sync")
		return func() { r.onDisk(t, volume, "rm /v/filler /v/more /v/said") }
	}
}

// busy has others write to the disk of the database all the time, and wait for it.
func busy(t *testing.T, r *running) func() {
	id := r.service(t, "db").ID
	docker(t, "exec", id, "sh", "-c", "cd /var/lib/postgresql/data; touch busy; for i in 1 2 3; do (while test -e busy; do dd if=/dev/zero of=busy.$i bs=64k count=400 oflag=dsync conv=notrunc; done; rm busy.$i) & done >/dev/null 2>&1")
	return func() { docker(t, "exec", id, "rm", "/var/lib/postgresql/data/busy") }
}

// greedy has a program in the database's container take memory until the kernel ends it.
func greedy(t *testing.T, r *running) func() {
	err := r.Engine.Exec(t.Context(), r.service(t, "db").ID, engine.Command{Cmd: []string{"sh", "-c", "tail /dev/zero"}})
	require.Error(t, err, "the kernel has to end it")
	return nothing
}

// taken opens sessions until the database takes no more. Who opened them goes without a word
// then, as a machine that lost its power.
func taken(t *testing.T, r *running) func() {
	db := r.service(t, "db")
	args := []string{"run", "--detach", "--network", r.Settings.Project + "-data", "--entrypoint", "sh", "--env", "PGPASSWORD=" + canaryDB}
	args = append(args, testkit.LabelOptions(t)...)
	out := docker(t, append(args, db.Image, "-c", "for i in $(seq 200); do psql -XqAt -h db -U app -d app -c 'SELECT pg_sleep(60)' & done; wait")...)
	id := strings.TrimSpace(out)
	require.Eventually(t, func() bool {
		out, err := r.Engine.ExecOutput(t.Context(), db.ID, "psql", "-XqAtU", "app", "-d", "app", "-c", "SELECT 1")
		return err != nil || strings.TrimSpace(out) != "1"
	}, 50*time.Second, 100*time.Millisecond, "there are still free ones")
	return func() { docker(t, "rm", "--force", id) }
}

// cutShort is what is left of Redis's file when the machine lost its power while it wrote.
func cutShort(t *testing.T, r *running) func() {
	id := r.service(t, "redis").ID
	docker(t, "stop", id)
	r.onDisk(t, "redis", "f=$(ls /v/appendonlydir/*.incr.aof | tail -n 1); test -s $f; truncate -s -3 $f")
	return func() { docker(t, "start", id) }
}

// garbage is what a disk may give back: the gateway begins anew, with what its settings say.
func garbage(t *testing.T, r *running) func() {
	r.onDisk(t, "gateway", "head -c 300 /dev/urandom >/v/state.json")
	testkit.Crash(t, r.service(t, "gateway").ID)
	return nothing
}
