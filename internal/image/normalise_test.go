package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// layerAt makes a layer as an engine would, at some moment, on some machine.
func layerAt(t *testing.T, at time.Time, machine string, files ...*tar.Header) blob {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, f := range files {
		h := *f
		if h.ModTime.IsZero() {
			h.ModTime, h.AccessTime, h.ChangeTime = at, at, at
		}
		h.Uname, h.Gname, h.Format = machine, machine, tar.FormatPAX
		body := []byte(h.Linkname)
		if h.Typeflag == tar.TypeReg {
			body = []byte("content of " + h.Name)
			h.Size = int64(len(body))
		}
		require.NoError(t, tw.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := tw.Write(body)
			require.NoError(t, err)
		}
	}
	require.NoError(t, tw.Close())
	sum := sha256.Sum256(buf.Bytes())
	return blob{
		DiffID: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(buf.Len()),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil },
	}
}

// madeAt is an image as BuildKit leaves it.
func madeAt(t *testing.T, at time.Time, machine string) *content {
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	base := layerAt(t, old, "base", &tar.Header{Typeflag: tar.TypeReg, Name: "bin/sh", Mode: 0o755})
	own := layerAt(t, at, machine,
		&tar.Header{Typeflag: tar.TypeDir, Name: "app/", Mode: 0o755, Uid: 10001},
		&tar.Header{Typeflag: tar.TypeReg, Name: "app/server", Mode: 0o4755, Uid: 10001, Gid: 10002, PAXRecords: map[string]string{
			"SCHILY.xattr.security.capability": "\x01\x00", "LIBARCHIVE.creationtime": fmt.Sprint(at.Unix()),
		}},
		&tar.Header{Typeflag: tar.TypeReg, Name: "app/packaged", Mode: 0o644, ModTime: old},
		&tar.Header{Typeflag: tar.TypeLink, Name: "app/server.hard", Linkname: "app/server"},
		&tar.Header{Typeflag: tar.TypeSymlink, Name: "app/soft", Linkname: "server"},
		&tar.Header{Typeflag: tar.TypeChar, Name: "app/null", Devmajor: 1, Devminor: 3},
		&tar.Header{Typeflag: tar.TypeReg, Name: "bin/.wh.sh", Mode: 0o600},
	)
	stamp := at.Format(time.RFC3339Nano)
	config := map[string]any{
		"architecture": "amd64", "os": "linux", "created": stamp, "docker_version": machine, "container": machine,
		"container_config": map[string]any{"Hostname": machine},
		"config": map[string]any{
			"Hostname": machine, "User": "10001:10001", "Env": []string{"A=b"}, "Cmd": []string{"/app/server"}, "StopSignal": "SIGQUIT",
			"Labels": map[string]string{"drydock.image": "base-trixie", "org.opencontainers.image.version": "of the base", "maintainer": "m"},
		},
		"history": []any{
			map[string]any{"created": "2020-01-01T00:00:00Z", "created_by": "base"},
			map[string]any{"created": "2020-01-01T00:00:00Z", "created_by": "CMD", "empty_layer": true},
			map[string]any{"created": stamp, "created_by": "COPY . /app"},
			map[string]any{"created": stamp, "created_by": "USER", "empty_layer": true},
		},
		"rootfs":                     map[string]any{"type": "layers", "diff_ids": []string{base.DiffID, own.DiffID}},
		"moby.buildkit.buildinfo.v1": stamp,
	}
	raw, err := json.Marshal(config)
	require.NoError(t, err)
	return &content{Config: raw, Layers: []blob{base, own}}
}

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func TestNormaliseForgetsTheMoment(t *testing.T) {
	n := normal{Base: 1, Epoch: epoch, Files: epoch, Labels: map[string]string{"drydock.image": "backend"}}
	var ids []string
	for i := range 2 {
		c := madeAt(t, time.Date(2026, 11, 1+i, 2, 3, 4, 567_000_000*i, time.UTC), fmt.Sprint("machine", i))
		out, err := normalise(context.Background(), c, n, t.TempDir())
		require.NoError(t, err)
		require.Equal(t, c.Layers[0].DiffID, out.Layers[0].DiffID, "the base's layer is shared as it is")
		require.NotEqual(t, c.Layers[1].DiffID, out.Layers[1].DiffID)
		require.NotContains(t, string(out.Config), "machine")
		require.NotContains(t, string(out.Config), "2026-11")
		ids = append(ids, out.ID())

		// Again gives the same: what is normal stays as it is.
		again, err := normalise(context.Background(), out, n, t.TempDir())
		require.NoError(t, err)
		require.Equal(t, out.ID(), again.ID())
	}
	require.Equal(t, ids[0], ids[1])
}

func TestNormaliseKeepsWhatAContainerSees(t *testing.T) {
	c := madeAt(t, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "machine")
	out, err := normalise(context.Background(), c, normal{Base: 1, Epoch: epoch, Files: epoch, Labels: map[string]string{"drydock.image": "backend"}}, t.TempDir())
	require.NoError(t, err)

	r, err := out.Layers[1].Open()
	require.NoError(t, err)
	defer r.Close()
	found := map[string]*tar.Header{}
	sum := sha256.New()
	for tr := tar.NewReader(io.TeeReader(r, sum)); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		found[h.Name] = h
		if h.Name == "app/server" {
			body, err := io.ReadAll(tr)
			require.NoError(t, err)
			require.Equal(t, "content of app/server", string(body))
		}
	}
	_, err = io.Copy(sum, r)
	require.NoError(t, err)
	require.Equal(t, out.Layers[1].DiffID, "sha256:"+hex.EncodeToString(sum.Sum(nil)))

	server := found["app/server"]
	require.Equal(t, int64(0o4755), server.Mode, "set-uid")
	require.Equal(t, []int{10001, 10002}, []int{server.Uid, server.Gid})
	require.Equal(t, "\x01\x00", server.PAXRecords["SCHILY.xattr.security.capability"])
	require.True(t, server.ModTime.Equal(epoch), "made during the build")
	require.True(t, server.AccessTime.IsZero() && server.ChangeTime.IsZero())
	require.True(t, found["app/packaged"].ModTime.Equal(epoch), "an older time, too: it may be that of a cached step")
	require.Equal(t, "app/server", found["app/server.hard"].Linkname)
	require.Equal(t, "server", found["app/soft"].Linkname)
	require.Equal(t, int64(3), found["app/null"].Devminor)
	require.Contains(t, found, "bin/.wh.sh", "a deletion")

	var cfg struct {
		Created string
		Config  struct {
			User, StopSignal string
			Env, Cmd         []string
			Labels           map[string]string
		}
		History []struct{ Created string }
	}
	require.NoError(t, json.Unmarshal(out.Config, &cfg))
	require.Equal(t, "2026-03-04T05:06:07Z", cfg.Created)
	require.Equal(t, "10001:10001", cfg.Config.User)
	require.Equal(t, "SIGQUIT", cfg.Config.StopSignal)
	require.Equal(t, []string{"A=b"}, cfg.Config.Env)
	require.Equal(t, map[string]string{"drydock.image": "backend", "maintainer": "m"}, cfg.Config.Labels, "a base speaks only for itself")
	// A step without a layer right above the base's layers may be of either; the time of
	// this image is as good, because it is the same each time.
	require.Equal(t, []struct{ Created string }{{"2020-01-01T00:00:00Z"}, {"2026-03-04T05:06:07Z"}, {"2026-03-04T05:06:07Z"}, {"2026-03-04T05:06:07Z"}}, cfg.History)
}

func TestNormaliseCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := normalise(ctx, madeAt(t, epoch, "m"), normal{Epoch: epoch, Files: epoch}, t.TempDir())
	require.ErrorIs(t, err, context.Canceled)
}

func TestBaseLayers(t *testing.T) {
	all := []string{"a", "b", "c"}
	require.Equal(t, 2, baseLayers(all, [][]string{{"a"}, {"a", "b"}, {"b"}, {"a", "b", "c", "d"}, nil}))
	require.Zero(t, baseLayers(all, [][]string{{"b"}, {"x"}}))
	require.Zero(t, baseLayers(nil, nil))
}

func TestProbeOnTop(t *testing.T) {
	c := madeAt(t, epoch, "m")
	probe := layerAt(t, epoch, "m", &tar.Header{Typeflag: tar.TypeReg, Name: ".drydock/probe", Mode: 0o755})
	out, err := normalise(context.Background(), c, normal{Base: 1, Epoch: epoch, Files: epoch, Probe: []blob{probe}}, t.TempDir())
	require.NoError(t, err)
	require.Len(t, out.Layers, 3)
	cfg, err := out.parse()
	require.NoError(t, err)
	require.Equal(t, probe.DiffID, cfg.RootFS.DiffIDs[2])
	var check struct {
		Config struct {
			Healthcheck struct {
				Test              []string
				Interval, Retries int64
			}
		}
		History []any
	}
	require.NoError(t, json.Unmarshal(out.Config, &check))
	require.Equal(t, []string{"CMD", "/.drydock/probe"}, check.Config.Healthcheck.Test)
	require.Equal(t, int64(5*time.Second), check.Config.Healthcheck.Interval)
	require.Equal(t, int64(3), check.Config.Healthcheck.Retries)
	require.Len(t, check.History, 5, "one step for each layer, or engines refuse the image")

	// An image that has a check keeps it.
	again, err := withProbe(out, []blob{probe}, epoch)
	require.NoError(t, err)
	require.Equal(t, out.ID(), again.ID())
}
