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
		"app.yaml":        "include: [more/other.yaml]\nservices:\n  a:\n    extends: {file: common.yaml, service: base}\n    image: x:${TAG}\n    env_file: a.env\n",
		"common.yaml":     "services: {base: {environment: [FROM_OUTSIDE], env_file: [{path: ./b.env, required: false}]}}\n",
		"more/other.yaml": "services: {b: {image: y, env_file: c.env}}\n",
		"a.env":           "A=1\n", "b.env": "B=1\n", "more/c.env": "C=1\n",
	}
	for name, text := range files {
		write(name, text)
	}
	r := &Runner{Env: []string{"PATH=/bin", "FROM_OUTSIDE=1", "SHLVL=1"}}
	p := Project{Name: "p", Dir: dir, Files: []string{filepath.Join(dir, "app.yaml")}, Env: []string{"TAG=1", "OTHER=1"}, Override: []byte("services: {}\n")}
	sum := func() string {
		t.Helper()
		s, err := r.Input(p)
		require.NoError(t, err)
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

	r.Env = []string{"SHLVL=2", "PATH=/other", "COMPOSE_FILE=x", "FROM_OUTSIDE=1"}
	require.Equal(t, before, sum(), "what no file asks for")
	r.Env = []string{"FROM_OUTSIDE=2"}
	require.NotEqual(t, before, sum(), "a value that a file takes from outside")
	r.Env = []string{"FROM_OUTSIDE=1"}

	for what, change := range map[string]func(*Project){
		"another value":          func(p *Project) { p.Env = []string{"TAG=2", "OTHER=1"} },
		"another name":           func(p *Project) { p.Name = "q" },
		"another generated file": func(p *Project) { p.Override = []byte("services: {a: {}}\n") },
		"one file fewer":         func(p *Project) { p.Files = nil },
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
	for _, text := range []string{
		"services: {a: {env_file: [\"${WHICH}.env\"]}}\n",
		"services: {a: {extends: {file: \"$X\", service: s}}}\n",
		"services: [\n",
	} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		s, err := (&Runner{}).Input(p)
		require.NoError(t, err)
		require.Empty(t, s, text)
	}
	p.Files = []string{filepath.Join(dir, "none.yaml")}
	_, err := (&Runner{}).Input(p)
	require.ErrorContains(t, err, "none.yaml")
}

// What ships says it of itself: else up would be slow for everybody.
func TestInputOfWhatShips(t *testing.T) {
	s := settings(t)
	for _, p := range []Project{Base(s, Values{Colour: Blue}), App(s, Values{Colour: Blue, Live: Live{Backend: true, Frontend: true}})} {
		sum, err := (&Runner{}).Input(p)
		require.NoError(t, err)
		require.NotEmpty(t, sum, p.Name)
	}
}
