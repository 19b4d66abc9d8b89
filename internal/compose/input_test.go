package compose

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInputIsOfEverythingThatComposeReads(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	files := map[string]string{
		"app.yaml":    "services:\n  a:\n    extends: {file: common.yaml, service: base}\n    image: x:${TAG}\n    env_file: a.env\n    environment: [my.var]\n  b: {extends: {file: other, service: c}}\n",
		"common.yaml": "services: {base: {environment: [FROM_OUTSIDE], env_file: [{path: ./b.env, required: false}]}}\n",
		"other":       "services: {c: {image: y, env_file: [more/c.env], label_file: l.txt}}\nsecrets: {s: {file: s.txt}}\n",
		"a.env":       "A=1\n", "b.env": "B=1\n", "more/c.env": "C=1\n", "l.txt": "l=1\n", "s.txt": "secret\n",
	}
	for name, text := range files {
		write(name, text)
	}
	r := &Runner{Env: []string{"PATH=/bin", "FROM_OUTSIDE=1", "my.var=1", "SHLVL=1"}}
	p := Project{Name: "p", Dir: dir, Files: []string{filepath.Join(dir, "app.yaml")}, Env: []string{"TAG=1", "OTHER=1"}, Override: []byte("services: {}\n")}
	sum := func() string {
		t.Helper()
		s, known := r.Input(p)
		require.True(t, known)
		return s
	}
	before := sum()
	require.Len(t, before, 64)
	require.Equal(t, before, sum())

	for name, text := range files {
		write(name, text+"# changed\n")
		require.NotEqual(t, before, sum(), name)
		write(name, text)
		require.Equal(t, before, sum(), name)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "b.env")))
	require.NotEqual(t, before, sum(), "a file that need not be there")
	write("b.env", files["b.env"])

	r.Env = []string{"SHLVL=2", "PATH=/other", "COMPOSE_FILE=x", "my.var=1", "FROM_OUTSIDE=0", "FROM_OUTSIDE=1"}
	require.Equal(t, before, sum(), "what no file asks for")
	for _, other := range [][]string{{"FROM_OUTSIDE=2", "my.var=1"}, {"FROM_OUTSIDE=1", "my.var=2"}, {"my.var=1"}} {
		r.Env = other
		require.NotEqual(t, before, sum(), "a value that a file takes from outside: %v", other)
	}
	r.Env = []string{"FROM_OUTSIDE=1", "my.var=1"}

	for what, change := range map[string]func(*Project){
		"another value":          func(p *Project) { p.Env = []string{"TAG=2", "OTHER=1"} },
		"another name":           func(p *Project) { p.Name = "q" },
		"another generated file": func(p *Project) { p.Override = []byte("services: {a: {}}\n") },
		"one file fewer":         func(p *Project) { p.Files = nil },
		"a later value":          func(p *Project) { p.Env = []string{"TAG=1", "OTHER=1", "TAG=2"} },
	} {
		kept := p
		change(&p)
		require.NotEqual(t, before, sum(), what)
		p = kept
	}
	p.Env = []string{"OTHER=1", "TAG=1"}
	require.Equal(t, before, sum(), "in another order")
}

func TestInputThatCannotBeKnown(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "app.yaml")
	p := Project{Name: "p", Dir: dir, Files: []string{name}}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "two.yaml"), []byte("services: {}\n---\nservices: {}\n"), 0o644))
	for _, text := range []string{
		"services: {a: {env_file: [\"${WHICH}.env\"]}}\n",
		"services: {a: {extends: {file: \"$X\", service: s}}}\n",
		"services: {a: {extends: {file: two.yaml, service: s}}}\n",
		"services: {a: {env_file: ~/x.env}}\n",
		"services: {a: {env_file: [{path: ~/x.env}]}}\n",
		"services: {a: {env_file: .}}\n",
		"x-files: &files [a.env]\nservices: {a: {env_file: *files}}\n",
		"include: [other.yaml]\n",
		"include: [oci://example.com/x]\n",
		"services: {}\n---\nservices: {}\n",
		"services: [\n",
	} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		s, known := (&Runner{}).Input(p)
		require.False(t, known, text)
		require.Empty(t, s, text)
	}
	for _, text := range []string{"", "services: {a: {extends: {service: ~b}, command: [\"~/x\", \"$Y\"]}}\nx-env: &e {A: 1}\n", "x-e: &e {A: \"1\"}\nservices: {a: {environment: *e}}\n"} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		_, known := (&Runner{}).Input(p)
		require.True(t, known, text)
	}
	p.Files = []string{filepath.Join(dir, "none.yaml")}
	_, known := (&Runner{}).Input(p)
	require.False(t, known)
}

// What ships says it of itself: else up would be slow for everybody.
func TestInputOfWhatShips(t *testing.T) {
	s := settings(t)
	for _, p := range []Project{Base(s, Values{Colour: Blue}), App(s, Values{Colour: Blue, Live: Live{Backend: true, Frontend: true}})} {
		sum, known := (&Runner{}).Input(p)
		require.True(t, known, p.Name)
		require.NotEmpty(t, sum, p.Name)
	}
}
