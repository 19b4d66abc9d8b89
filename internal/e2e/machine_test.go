//go:build e2e && faults

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// TestAnEmptyMachineComesBack loses a machine: another one gets the archive of the configuration,
// the key to it and the two volumes of backups, and has the site as it was. It has no image, reaches
// no registry, and nothing could be built for it.
func TestAnEmptyMachineComesBack(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	dir := t.TempDir()
	keyFile, archive := filepath.Join(dir, "key.txt"), filepath.Join(dir, "config.tar.zst")
	require.NoError(t, os.WriteFile(keyFile, []byte(key.String()+"\n"), 0o600))

	lost := newSite(t)
	// As on a machine of its own: nothing is given by the command's environment.
	settings := lost.environ[len(world()):]
	lost.environ = append(world(), "ENV=prod", "NO_COLOR=1")
	lines := []string{"BACKUP_AGE_RECIPIENTS=" + key.Recipient().String(), "BACKUP_CONFIG_IMAGES=true"}
	for _, kv := range settings {
		if name, _, _ := strings.Cut(kv, "="); name != "ENV" && name != "NO_COLOR" && !strings.HasSuffix(name, "_PASSWORD") {
			lines = append(lines, kv)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(lost.root, ".env.prod.local"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	lost.must("env:secrets")
	lost.must("up")
	lost.note(t, "before the backup")
	lost.must("backup:full")
	lost.must("backup:config", "ARCHIVE="+archive)
	lost.note(t, "after the backup")
	lost.archived(t)

	h := testkit.NewHost(t)
	ssh := h.SSH()
	require.NoError(t, h.SSHWorks())
	lost.must("backup:configRestore", "DOCKER_HOST="+h.Address(), "ARCHIVE="+archive, "AGE_KEY_FILE="+keyFile, "INTO="+filepath.Join(dir, "site"))
	for _, volume := range []string{"repo", "backup"} {
		lost.carry(t, h, lost.project+"-"+volume)
	}
	found := *lost
	found.root, found.engine = filepath.Join(dir, "site"), h.Client()
	found.environ = append(world(), "ENV=prod", "NO_COLOR=1", "DOCKER_HOST="+ssh, "HTTP_BIND="+h.IP, "DEBIAN_MIRROR=http://127.0.0.1:9/debian")
	found.base = strings.Replace(lost.base, "127.0.0.1", h.IP, 1)
	up := found.must("up")
	for _, built := range []string{"building", "making it from", "pulling"} {
		assert.NotContains(t, up.err, built, "the images are those of the archive")
	}
	assert.Equal(t, lost.runs(t), found.runs(t))
	images, err := found.engine.Images(t.Context(), engine.Filter{})
	require.NoError(t, err)
	assert.Len(t, images, 6, "and nothing else is on the engine")
	r := found.must("backup:restore", "AT=latest", "REPLACE=1", "YES=1")
	t.Logf("restored in %s", r.took.Round(100*time.Millisecond))
	text := testkit.WaitHTTP(t, found.base+"/api/notes", func(a testkit.Answer) bool { return a.Status == http.StatusOK })
	for _, note := range []string{"before the backup", "after the backup"} {
		assert.Contains(t, string(text.Body), note)
	}
	found.note(t, "on the new machine")
	assert.Equal(t, http.StatusOK, testkit.Get(t, found.base+"/").Status)
}

// runs is which image each service runs, by id.
func (s *site) runs(t *testing.T) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, c := range s.all(t.Context()) {
		ids[c.Service()] = c.ImageID
	}
	return ids
}

// note writes one, and has it acknowledged.
func (s *site) note(t *testing.T, title string) {
	t.Helper()
	resp, err := http.Post(s.base+"/api/notes", "application/json", strings.NewReader(fmt.Sprintf(`{"title":%q}`, title)))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusCreated, resp.StatusCode)
}

// archived waits until all of the log until now is in the repository.
func (s *site) archived(t *testing.T) {
	t.Helper()
	db := s.one(t, "db").ID
	ask := func(sql string) string {
		out, err := s.engine.ExecOutput(t.Context(), db, "psql", "-XqAt", "-U", "app", "-d", "app", "-c", sql)
		require.NoError(t, err)
		return strings.TrimSpace(out)
	}
	last := ask("SELECT pg_walfile_name(pg_switch_wal())")
	require.Eventually(t, func() bool {
		return ask("SELECT coalesce(last_archived_wal >= '"+last+"', false) FROM pg_stat_archiver") == "t"
	}, time.Minute, 200*time.Millisecond)
}

// carry brings a volume's files to another machine, with an image that is there by now.
func (s *site) carry(t *testing.T, to *testkit.Host, volume string) {
	t.Helper()
	image := s.one(t, "backup").Image
	file := filepath.Join(t.TempDir(), volume+".tar")
	mount := func(host string, words ...string) []string {
		return append([]string{"--host", host, "run", "--rm", "--user", "0", "--network", "none", "--volume", volume + ":/v", "--volume", filepath.Dir(file) + ":/out", "--entrypoint", "tar", image}, words...)
	}
	name := "/out/" + filepath.Base(file)
	docker(t, mount(s.engine.Host(), "-C", "/v", "-cf", name, ".")...)
	docker(t, mount(to.Address(), "-C", "/v", "-xpf", name)...)
}
