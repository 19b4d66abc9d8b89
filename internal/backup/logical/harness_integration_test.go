//go:build integration

package logical

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// The tests run where the code does: in the backup image, beside two servers. This test
// binary, built once more without cgo, is what runs there.
var (
	inside = flag.Bool("inside", false, "run the tests themselves: in a container of the backup image, with the servers source and target beside it")
	using  = flag.String("backup-image", "", "an image with PostgreSQL's client tools to use instead of building this checkout's")
	only   = flag.String("only", "", "with -inside: the one test to run; else passed on")
)

// insideTests are the tests, in order: the later ones use what the first one made.
var insideTests = []struct {
	name string
	run  func(*testing.T)
}{
	{"RoundTrip", testRoundTrip},
	{"FaultsInFiles", testFaultsInFiles},
	{"FaultsInDatabase", testFaultsInDatabase},
	{"Replace", testReplace},
	{"RestoreRefuses", testRestoreRefuses},
	{"RestoreFails", testRestoreFails},
	{"Tables", testTables},
	{"DumpRefuses", testDumpRefuses},
	{"DumpFails", testDumpFails},
	{"Crossed", testCrossed},
	{"Locks", testLocks},
	{"Collations", testCollations},
}

func TestLogical(t *testing.T) {
	if *inside {
		for _, test := range insideTests {
			if *only == "" || *only == test.name {
				t.Run(test.name, test.run)
			}
		}
		return
	}
	settings, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", Environ: os.Environ(), ReadOnly: true})
	require.NoError(t, err)
	names := []string{image.Postgres, image.Backup}
	if *using != "" {
		names = names[:1]
	}
	list, err := image.Build(t.Context(), image.BuildOptions{Settings: settings, Engine: testkit.Engine(t), Err: os.Stderr, Names: names, Stage: image.StageProd})
	require.NoError(t, err)
	refs := map[string]string{image.Backup: *using}
	for _, one := range list {
		refs[one.Name] = one.Ref
	}
	network := testkit.Network(t, true)
	for _, alias := range []string{"source", "target"} {
		testkit.Start(t, engine.Spec{
			Name: alias, Image: refs[image.Postgres], Attach: []engine.Attach{{Network: network.Name, Aliases: []string{alias}}},
			Env:   []string{"POSTGRES_USER=" + superuser, "POSTGRES_DB=postgres", "POSTGRES_PASSWORD=" + hardPassword},
			Tmpfs: map[string]string{"/run/postgresql": "uid=999,gid=999,mode=0755", "/tmp": "mode=1777", "/space": "uid=999,gid=999,mode=0700"},
			// The data lasts as long as the test: nothing needs to reach a disk.
			Cmd: []string{"postgres", "-c", "fsync=off", "-c", "wal_level=logical"},
		})
	}
	volume := testkit.Volume(t)
	archive, err := engine.Tar(engine.File{Name: "./", Mode: 0o755}, engine.File{Name: "test", Mode: 0o755, Data: static(t)})
	require.NoError(t, err)
	require.NoError(t, testkit.Engine(t).WriteVolume(t.Context(), refs[image.Backup], volume.Name, archive))

	var said bytes.Buffer
	err = testkit.Engine(t).RunOnce(t.Context(), engine.Spec{
		Name: testkit.Name(t, "backup"), Labels: testkit.Labels(t), Image: refs[image.Backup], Attach: []engine.Attach{{Network: network.Name}},
		Entrypoint: []string{"/t/test"}, Cmd: []string{"-test.run=^TestLogical$", "-test.v", "-inside", "-only=" + *only},
		Mounts: []engine.Mount{{Name: volume.Name, Target: "/t", ReadOnly: true}}, ReadOnly: true, CapDrop: []string{"ALL"}, NoNewPrivileges: true,
		Tmpfs: map[string]string{"/tmp": "mode=1777,exec", "/small": "mode=1777,size=8m"},
	}, engine.Streams{Out: io.MultiWriter(&said, os.Stdout), Err: io.MultiWriter(&said, os.Stderr)})
	require.NoError(t, err)
	for _, test := range insideTests {
		if *only == "" || *only == test.name {
			require.Contains(t, said.String(), "--- PASS: TestLogical/"+test.name)
		}
	}
}

// static builds this test binary for any C library.
func static(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "logical.test")
	var said strings.Builder
	err := run.Run(t.Context(), run.Cmd{
		Name: "go", Args: []string{"test", "-c", "-tags=integration", "-o", file, "./internal/backup/logical"}, Dir: testkit.Root(t),
		Env: append(os.Environ(), "CGO_ENABLED=0"), Stdout: &said, Stderr: &said,
	})
	require.NoError(t, err, said.String())
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return data
}
