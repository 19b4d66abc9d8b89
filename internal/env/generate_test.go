package env

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The committed texts say what the schema says.
func TestGenerated(t *testing.T) {
	root, err := FindRoot(".")
	require.NoError(t, err)
	files := committed(t, root)
	example, err := Example(files)
	require.NoError(t, err)
	en, err := Manual("en", files)
	require.NoError(t, err)
	zh, err := Manual("zh", files)
	require.NoError(t, err)

	for name, want := range map[string]string{".env.example": example, "docs/en/settings.md": en, "docs/zh/settings.md": zh} {
		full := filepath.Join(root, name)
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
			require.NoError(t, os.WriteFile(full, []byte(want), 0o644))
		}
		got, err := os.ReadFile(full)
		require.NoError(t, err, "write it with: go test ./internal/env -run TestGenerated -update")
		assert.Equal(t, want, string(got), "%s is stale; write it anew with: go test ./internal/env -run TestGenerated -update", name)
	}
}

func committed(t *testing.T, root string) Files {
	t.Helper()
	dev, err := os.ReadFile(filepath.Join(root, "env/dev.env"))
	require.NoError(t, err)
	prod, err := os.ReadFile(filepath.Join(root, "env/prod.env"))
	require.NoError(t, err)
	return Files{Dev: dev, Prod: prod}
}

// .env.example is a file of settings: copied to .env.dev.local it is right, also with its
// comments removed, and it has every key.
func TestExampleIsRight(t *testing.T) {
	root, err := FindRoot(".")
	require.NoError(t, err)
	example, err := Example(committed(t, root))
	require.NoError(t, err)
	scratch := checkout(t, map[string]string{".env.dev.local": example})
	_, err = Load(source(scratch, "dev"))
	require.NoError(t, err)

	values, err := values(".env.example", []byte(regexp.MustCompile(`(?m)^# ([A-Z0-9_]+=)`).ReplaceAllString(example, "$1")))
	require.NoError(t, err)
	for _, k := range schema() {
		if !k.Option {
			assert.Contains(t, values, k.Name)
		}
	}
}

// Whatever a compose file takes from the settings without a default of its own
// has a value in .env.example, so that `docker compose --env-file .env.example
// config` works by hand.
func TestExampleServesCompose(t *testing.T) {
	root, err := FindRoot(".")
	require.NoError(t, err)
	example, err := os.ReadFile(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	known, err := values(".env.example", example)
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(root, "compose", "*.y*ml"))
	require.NoError(t, err)
	needed := regexp.MustCompile(`(?:^|[^$])\$(?:\{([A-Z][A-Z0-9_]*)(?:\}|:?\?)|([A-Z][A-Z0-9_]*))`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, m := range needed.FindAllStringSubmatch(line, -1) {
				assert.Contains(t, known, m[1]+m[2], "%s:%d", filepath.Base(file), i+1)
			}
		}
	}
}

// Every key is documented in both languages and its default is right.
func TestSchema(t *testing.T) {
	groups := map[string]bool{}
	for _, g := range Groups {
		groups[g.Name] = true
	}
	seen := map[string]bool{}
	for _, k := range Schema() {
		assert.False(t, seen[k.Name], "%s twice", k.Name)
		seen[k.Name] = true
		assert.True(t, isKey(k.Name), k.Name)
		assert.True(t, groups[k.Group], "%s: group %q", k.Name, k.Group)
		assert.NotEmpty(t, k.Doc, k.Name)
		assert.Regexp(t, `\p{Han}`, k.DocZh, k.Name)
		for _, text := range []string{k.Kind().Name, k.Kind().En, k.Kind().Zh, k.Kind().How, k.Kind().HowZh} {
			assert.NotEmpty(t, text, k.Name)
		}
		assert.False(t, k.Secret && (k.Default != "" || k.Active || k.Ambient), "%s: a secret has no default and stays out of examples", k.Name)
		if !k.Secret && k.Name != "MODE" && k.host == nil {
			assert.True(t, k.Default != "" || k.Kind().Empty, "%s: needs a default or a meaning of the empty value", k.Name)
		}
		if k.Default != "" {
			assert.NoError(t, k.store(&Settings{}, k.Default), k.Name)
		}
		assert.Empty(t, userPrefix(k.Name), "%s looks like a user's key", k.Name)
	}
}
