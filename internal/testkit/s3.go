package testkit

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// s3Program is an S3-compatible server that keeps objects as files.
const s3Program = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"

// S3 is such a server in a container, with a bucket, over TLS. It ends with the test.
type S3 struct {
	Endpoint             string // host:port on the network
	Bucket               string
	AccessKey, SecretKey string
	CA                   string // of its certificate, PEM
	Container            string // id
}

// StartS3 starts one on a network of the test, whose name for it is s3.
func StartS3(t testing.TB, network string) S3 {
	t.Helper()
	c := certificate("s3")
	c.DNSNames = []string{"s3"}
	return startS3(t, engine.Attach{Network: network, Aliases: []string{"s3"}}, "s3:7070", ":7070", c)
}

// StartS3OnHost starts one at an address of the machine, which every container that has a way out can reach:
// it outlives each network of the stack whose storage it is.
func StartS3OnHost(t testing.TB) S3 {
	t.Helper()
	ip := onBridge(t)
	c := certificate(ip)
	c.IPAddresses = []net.IP{net.ParseIP(ip)}
	at := net.JoinHostPort(ip, strconv.Itoa(Port(t)))
	return startS3(t, engine.Attach{Network: "host"}, at, at, c)
}

// onBridge is this machine's own address on the engine's default network.
func onBridge(t testing.TB) string {
	t.Helper()
	bridge, err := Engine(t).Network(t.Context(), "bridge")
	if err != nil {
		t.Fatalf("looking for the machine's address: %v", err)
	}
	ours, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatalf("looking for the machine's address: %v", err)
	}
	for _, a := range ours {
		own, err := netip.ParsePrefix(a.String())
		if err == nil && slices.ContainsFunc(bridge.Subnets, func(p netip.Prefix) bool { return p.Contains(own.Addr()) }) {
			return own.Addr().String()
		}
	}
	t.Fatalf("none of the machine's addresses is on the engine's default network: %v, %v", ours, bridge.Subnets)
	return ""
}

func startS3(t testing.TB, where engine.Attach, endpoint, listen string, c *x509.Certificate) S3 {
	t.Helper()
	s := S3{Endpoint: endpoint, Bucket: "backups", AccessKey: "test-access", SecretKey: "test/secret+key="}
	pki := newHostPKI(t)
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	pki.sign(t, c, filepath.Join(pki.dir, "s3.pem"), filepath.Join(pki.dir, "s3-key.pem"))
	read := func(path string) []byte {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("starting an S3 server: %v", err)
		}
		return data
	}
	s.CA = string(read(pki.ca()))
	image := ShellImage(t)
	files, err := engine.Tar(
		engine.File{Name: "./", Mode: 0o755, UID: 10001, GID: 10001},
		engine.File{Name: "versitygw", Mode: 0o755, Data: read(buildS3(t))},
		engine.File{Name: "s3.pem", Mode: 0o644, Data: read(filepath.Join(pki.dir, "s3.pem"))},
		engine.File{Name: "s3-key.pem", Mode: 0o600, UID: 10001, GID: 10001, Data: read(filepath.Join(pki.dir, "s3-key.pem"))},
		engine.File{Name: "data/", Mode: 0o755, UID: 10001, GID: 10001},
		engine.File{Name: "data/" + s.Bucket + "/", Mode: 0o755, UID: 10001, GID: 10001},
	)
	if err != nil {
		t.Fatalf("starting an S3 server: %v", err)
	}
	volume := Volume(t).Name
	if err := Engine(t).WriteVolume(t.Context(), image, volume, files); err != nil {
		t.Fatalf("starting an S3 server: %v", err)
	}
	s.Container = Start(t, engine.Spec{
		Name: "s3", Image: image, Attach: []engine.Attach{where},
		Mounts: []engine.Mount{{Name: volume, Target: "/s3"}},
		Env:    []string{"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey},
		Cmd:    []string{"/s3/versitygw", "--port", listen, "--cert", "/s3/s3.pem", "--key", "/s3/s3-key.pem", "posix", "/s3/data"},
	})
	return s
}

// buildS3 builds the server where the go command keeps what it makes, and returns its path. It is compiled
// for the shortest wait: it is large, and nothing is measured with it.
func buildS3(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("building an S3 server: %v", err)
	}
	bin := filepath.Join(cache, "drydock-test", filepath.Base(s3Program))
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	err = run.Run(ctx, run.Cmd{Name: "go", Args: []string{"install", "-gcflags=all=-l", "-ldflags=-w", s3Program}, Env: append(os.Environ(), "GOBIN="+bin, "CGO_ENABLED=0", "GOFLAGS="), Stderr: os.Stderr})
	if err != nil {
		t.Fatalf("building an S3 server: %v", err)
	}
	return filepath.Join(bin, "versitygw")
}
