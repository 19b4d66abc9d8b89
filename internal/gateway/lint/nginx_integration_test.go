//go:build integration

package lint_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/gateway/lint"
	"drydock/internal/image"
	"drydock/internal/testkit"
)

// Examples teach: each good one, and each bad one but those whose point it is, must be
// something that nginx accepts. (A linter is for what `nginx -t` lets pass.)
func TestNginxAcceptsTheExamples(t *testing.T) {
	t.Parallel()
	settings, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", Environ: os.Environ(), ReadOnly: true})
	require.NoError(t, err)
	images, err := image.Build(context.Background(), image.BuildOptions{Settings: settings, Engine: testkit.Engine(t),
		Err: os.Stderr, Names: []string{"nginx-base"}, Stage: image.StageProd})
	require.NoError(t, err)
	c := testkit.Container(t, engine.Spec{Image: images[0].Ref, User: "0:0", Entrypoint: []string{"sleep", "600"}})

	cert, key := selfSigned(t)
	tree := []engine.File{{Name: "cert", Mode: 0o644, Data: cert}, {Name: "key", Mode: 0o644, Data: key}, {Name: "ca", Mode: 0o644, Data: cert},
		{Name: "shop.pem", Mode: 0o644, Data: cert}, {Name: "shop.key", Mode: 0o644, Data: key}, {Name: "blog.pem", Mode: 0o644, Data: cert},
		{Name: "blog.key", Mode: 0o644, Data: key}, {Name: "staff", Mode: 0o644, Data: []byte("a:b\n")}}
	var cases []string
	add := func(name string, files fs.FS) {
		partial := true
		require.NoError(t, fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			partial = partial && p != "nginx.conf"
			text, err := fs.ReadFile(files, p)
			if err != nil {
				return err
			}
			tree = append(tree, engine.File{Name: name + "/" + p, Mode: 0o644, Data: []byte(here(name, string(text)))})
			return nil
		}))
		if partial {
			tree = append(tree, engine.File{Name: name + "/nginx.conf", Mode: 0o644, Data: []byte("events {}\nhttp {\n include *site.conf;\n}\n")})
		}
		for _, shipped := range []string{"mime.types", "fastcgi_params"} {
			tree = append(tree, engine.File{Name: name + "/" + shipped, Mode: 0o644, Data: []byte("# as shipped\n")})
		}
		cases = append(cases, name)
	}
	refused := map[string]bool{"syntax": true, "include-missing": true, "directive-unknown": true, "include-outside": true,
		"literal-upstream": true, // the name does not exist here, which is what the rule is about
		"resolver-missing": true,
	}
	for _, r := range lint.Rules() {
		e := readExample(t, filepath.Join("testdata", "rules", r.ID+".txtar"))
		add("good-"+r.ID, e.good)
		if !refused[r.ID] {
			add("bad-"+r.ID, e.bad)
		}
	}
	for _, name := range []string{"h5bp", "spa", "tls"} {
		add(name, os.DirFS(filepath.Join("testdata", "good", name)))
	}
	tree = append(tree, engine.File{Name: "spa/njs/main.js", Mode: 0o644, Data: []byte("export default {kind: () => 'a', answer: r => r.return(200)};")})
	for i := range tree {
		tree[i].Name = "cases/" + tree[i].Name
	}
	archive, err := engine.Tar(append([]engine.File{{Name: "cases/", Mode: 0o755}, {Name: "var/cache/", Mode: 0o755}, {Name: "var/lib/nginx/", Mode: 0o755}, {Name: "usr/share/nginx/", Mode: 0o755}}, tree...)...)
	require.NoError(t, err)
	load := exec.Command("docker", "cp", "-", c.ID+":/")
	load.Stdin = archive
	out, err := load.CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.Command("docker", append([]string{"exec", c.ID, "sh", "-c",
		`for c; do nginx -t -e stderr -c "/cases/$c/nginx.conf" >/tmp/out 2>&1 || { echo "$c: $(grep emerg /tmp/out)"; }; done`, "sh"}, cases...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if line != "" && !strings.Contains(line, `unknown directive "stream"`) { // a module that the image leaves out
			t.Error(line)
		}
	}
}

// here moves what the examples name to where the container has it.
func here(name, text string) string {
	r := strings.NewReplacer(
		"/run/secrets/cert", "/cases/cert", "/run/secrets/key", "/cases/key", "/run/secrets/ca", "/cases/ca",
		"/etc/ssl/", "/cases/", "/etc/nginx/certs/example.com.crt", "/cases/cert", "/etc/nginx/certs/example.com.key", "/cases/key",
		"/etc/nginx/staff", "/cases/staff", "/etc/nginx/mime.types", "mime.types",
		"load_module modules/", "load_module /usr/lib/nginx/modules/", "user www-data;", "", "/var/lib/gateway/cache", "/tmp/cache",
		"/opt/site/", "/cases/"+name+"/")
	return r.Replace(text)
}

func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"x.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}
