package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestErrorsCanBeToldApart(t *testing.T) {
	c := &Client{host: defaultHost}
	assert.NoError(t, c.fail(nil, "x"))
	err := c.fail(fmt.Errorf("Error response from daemon: No such container: a: %w", errdefs.ErrNotFound), "inspecting container %s", "a")
	assert.ErrorIs(t, err, ErrNotFound)
	assert.True(t, strings.HasPrefix(err.Error(), "inspecting container a: No such container: a"), err.Error())
	assert.NoError(t, c.gone(err))
	outer := c.fail(err, "reading logs")
	assert.ErrorIs(t, outer, ErrNotFound, "the kind survives another layer")
	assert.ErrorIs(t, c.fail(errdefs.ErrConflict, "x"), ErrConflict)
	canceled := c.fail(context.Canceled, "x")
	assert.ErrorIs(t, canceled, context.Canceled)
	var e *Error
	require.ErrorAs(t, canceled, &e)
	assert.Equal(t, 130, e.ExitCode())
	cut := c.fail(&url.Error{Op: "Get", URL: "http://%2Fvar%2Frun%2Fdocker.sock/v1.41/json", Err: context.Canceled}, "listing containers")
	assert.EqualError(t, c.fail(cut, "looking for the database"), "looking for the database: listing containers: interrupted")
}

func TestIsHealthy(t *testing.T) {
	for _, test := range []struct {
		c    Container
		done bool
		err  error
	}{
		{Container{State: Created}, false, nil},
		{Container{State: Running, Health: Starting}, false, nil},
		{Container{State: Running, Health: Healthy}, true, nil},
		{Container{State: Paused, Health: Healthy}, false, nil},
		{Container{State: Running, Health: Unhealthy}, false, ErrUnhealthy},
		{Container{State: Running}, false, ErrNoHealthcheck},
		{Container{State: Restarting, Health: Unhealthy}, false, nil},
		{Container{State: Exited, ExitCode: 137, OOM: true}, false, ErrStopped},
		{Container{State: Dead}, false, ErrStopped},
	} {
		done, err := IsHealthy(test.c)
		assert.Equal(t, test.done, done, "%+v", test.c)
		assert.ErrorIs(t, err, test.err, "%+v", test.c)
	}
	_, err := IsHealthy(Container{State: Exited, ExitCode: 137, OOM: true})
	assert.ErrorContains(t, err, "137, out of memory")
}

func TestPatienceEnds(t *testing.T) {
	p := patient(IsHealthy)
	for n := 3; n < 3+maxRestarts; n++ {
		_, err := p(Container{State: Restarting, Restarts: n})
		require.NoError(t, err, n)
	}
	_, err := p(Container{State: Restarting, Restarts: 3 + maxRestarts})
	assert.ErrorIs(t, err, ErrStopped)
}

func TestSpecConfigs(t *testing.T) {
	s := Spec{
		Image: "i", Publish: []Port{{Container: 80, HostIP: "127.0.0.1", Host: 8080}, {Container: 53, Proto: "udp"}},
		Attach: []Attach{{Network: "n", Aliases: []string{"a"}, IP: netip.MustParseAddr("10.1.2.3")}, {Network: "m"}},
		Mounts: []Mount{{Name: "v", Target: "/v", NoCopy: true}, {Type: "bind", Name: "/h", Target: "/b", ReadOnly: true}},
		Memory: 1 << 20, Pids: 7, CPUs: 0.5, NoNewPrivileges: true, Init: true, StopTimeout: 1500 * time.Millisecond,
		Health: &HealthCheck{Cmd: []string{"x"}},
	}
	config, host, networking, err := s.configs()
	require.NoError(t, err)
	assert.Equal(t, "8080", host.PortBindings["80/tcp"][0].HostPort)
	assert.Equal(t, "", host.PortBindings["53/udp"][0].HostPort)
	assert.EqualValues(t, 1<<20, host.MemorySwap, "no swap on top of the limit")
	assert.EqualValues(t, 7, *host.PidsLimit)
	assert.EqualValues(t, 5e8, host.NanoCPUs)
	assert.True(t, *host.Init)
	assert.Equal(t, []string{"no-new-privileges:true"}, host.SecurityOpt)
	assert.Equal(t, 2, *config.StopTimeout, "a part of a second is rounded up")
	assert.Equal(t, []string{"CMD", "x"}, config.Healthcheck.Test)
	assert.Equal(t, []string{"a"}, networking.EndpointsConfig["n"].Aliases)
	assert.Equal(t, "10.1.2.3", networking.EndpointsConfig["n"].IPAMConfig.IPv4Address)
	require.Len(t, networking.EndpointsConfig, 1, "older engines take one network at creation")
	assert.True(t, host.Mounts[0].VolumeOptions.NoCopy)
	assert.True(t, host.Mounts[1].ReadOnly)

	_, host, networking, err = Spec{Image: "i"}.configs()
	require.NoError(t, err)
	assert.EqualValues(t, "none", host.NetworkMode)
	assert.Nil(t, networking)
	_, host, networking, err = Spec{Image: "i", Attach: []Attach{{Network: "container:abc"}}}.configs()
	require.NoError(t, err)
	assert.EqualValues(t, "container:abc", host.NetworkMode)
	assert.Nil(t, networking)
	_, _, _, err = Spec{Publish: []Port{{Container: 70000}}}.configs()
	assert.Error(t, err)
}

func TestAddresses(t *testing.T) {
	c := Container{
		Name: "p-db-1", Labels: map[string]string{"com.docker.compose.service": "db"},
		Ports:    []Port{{Container: 1}, {Container: 2, HostIP: "0.0.0.0", Host: 20}, {Container: 3, HostIP: "127.0.0.2", Host: 30}},
		Networks: []Endpoint{{Network: "a"}, {Network: "b", IP: netip.MustParseAddr("10.0.0.2")}},
	}
	assert.Equal(t, "db", c.Service())
	assert.Equal(t, "x", Container{Name: "x"}.Service())
	_, ok := c.Published(1)
	assert.False(t, ok)
	at, _ := c.Published(2)
	assert.Equal(t, "127.0.0.1:20", at.String())
	at, _ = c.Published(3)
	assert.Equal(t, "127.0.0.2:30", at.String())
	_, ok = c.Address("a")
	assert.False(t, ok)
	ip, _ := c.Address("")
	assert.Equal(t, "10.0.0.2", ip.String())
}

func TestMemoryInUseLeavesOutTheCache(t *testing.T) {
	stats := func(m map[string]uint64) container.MemoryStats { return container.MemoryStats{Usage: 100, Stats: m} }
	assert.EqualValues(t, 70, used(stats(map[string]uint64{"total_inactive_file": 30, "inactive_file": 1}))) // cgroup 1
	assert.EqualValues(t, 60, used(stats(map[string]uint64{"inactive_file": 40})))                           // cgroup 2
	assert.EqualValues(t, 100, used(stats(map[string]uint64{"inactive_file": 400})))
	assert.EqualValues(t, 100, used(stats(nil)))
}

func TestTarRoundTrip(t *testing.T) {
	files := []File{
		{Name: "./", Mode: 0o750, UID: 999, GID: 998, ModTime: time.Unix(0, 0)},
		{Name: "a/ü", Mode: 0o400, UID: 10001, GID: 10001, ModTime: time.Unix(5, 0), Data: []byte("x\x00y")},
		{Name: "l", Link: "a/ü", ModTime: time.Unix(0, 0)},
		{Name: strings.Repeat("long/", 60) + "f", Mode: 0o600, ModTime: time.Unix(0, 0), Data: []byte("z")},
	}
	one, err := Tar(files...)
	require.NoError(t, err)
	two, err := Tar(files...)
	require.NoError(t, err)
	assert.Equal(t, one.Bytes(), two.Bytes(), "equal files make equal archives")
	back, err := Untar(one)
	require.NoError(t, err)
	assert.Equal(t, files, back)
	_, err = Untar(strings.NewReader("no archive, but long enough to be looked at"))
	assert.Error(t, err)
}

func TestQuoteKeepsEveryCharacter(t *testing.T) {
	assert.Equal(t, `"a\"b\\c\$d"`, quote(`a"b\c$d`))
}

func TestMessagesStopAtAnError(t *testing.T) {
	var seen []string
	err := messages(strings.NewReader(`{"stream":"a\n"}{"status":"b","id":"x"}{"error":"no space left"}`), func(m message) {
		report(func(s string) { seen = append(seen, s) }, m)
	})
	assert.EqualError(t, err, "no space left")
	assert.Equal(t, []string{"a", "x b"}, seen)
	assert.ErrorIs(t, messages(strings.NewReader(`{"stream"`), func(message) {}), io.ErrUnexpectedEOF)
}

func TestShort(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	assert.Equal(t, id[:12], short(id))
	assert.Equal(t, id[:12], short("sha256:"+id))
	assert.Equal(t, "drydock/backend:v1", short("drydock/backend:v1"))
}

func TestRemoveByNoLabelIsRefused(t *testing.T) {
	_, err := (&Client{}).RemoveByLabel(t.Context(), nil, RemoveOptions{})
	assert.ErrorContains(t, err, "everything")
}

func TestExitError(t *testing.T) {
	e := &ExitError{What: "pg_dump", Code: 137, OOM: true, Tail: "last words\n"}
	assert.EqualError(t, e, "pg_dump ended with exit code 137, out of memory: raise its limit: last words")
	assert.ErrorIs(t, contextFirst(t.Context(), io.EOF), io.EOF)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	assert.ErrorIs(t, contextFirst(ctx, io.EOF), why)
	assert.NoError(t, contextFirst(ctx, nil))
}

func TestRootEntry(t *testing.T) {
	for name, test := range map[string]struct {
		files []File
		want  *File
	}{
		"a root":   {[]File{{Name: "./", Mode: 0o550, UID: 1, GID: 2}, {Name: "f", Data: []byte("x")}}, &File{Mode: 0o550, UID: 1, GID: 2, ModTime: time.Unix(0, 0)}},
		"no root":  {[]File{{Name: "f", Data: []byte("x")}}, nil},
		"a folder": {[]File{{Name: "d/", Mode: 0o700}}, nil},
		"empty":    {nil, nil},
	} {
		archive, err := Tar(test.files...)
		require.NoError(t, err)
		whole := archive.String()
		root, rest, err := rootEntry(archive)
		require.NoError(t, err, name)
		assert.Equal(t, test.want, root, name)
		text, err := io.ReadAll(rest)
		require.NoError(t, err)
		assert.Equal(t, whole, string(text), "nothing of the archive is lost: %s", name)
	}
	_, _, err := rootEntry(strings.NewReader(strings.Repeat("no archive ", 100)))
	assert.Error(t, err)
}
