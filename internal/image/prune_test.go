package image

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
)

// yard is an engine with three versions of the backend, a leftover, a stranger's
// image and a base.
func yard(t *testing.T) *memory {
	base := big(t, "base", 1000)
	m := newMemory().
		put(t, "drydock/base-trixie:b", contentOf(t, ours("base-trixie", "b"), base)).
		put(t, "drydock/backend:v1", contentOf(t, ours("backend", "1"), base, big(t, "v1", 5000))).
		put(t, "drydock/backend:v2", contentOf(t, ours("backend", "2"), base, big(t, "v2", 5000))).
		put(t, "drydock/backend:v3", contentOf(t, ours("backend", "3"), base, big(t, "v3", 5000))).
		put(t, "alice/tool:1", contentOf(t, nil, big(t, "alice", 100)))
	left := contentOf(t, ours("backend", "0"), big(t, "left", 3000))
	m.images[left.ID()] = left
	m.containers = []engine.Container{
		{Name: "shop-blue-backend-1", ImageID: m.tags["drydock/backend:v1"], State: engine.Running, Labels: map[string]string{labelProject: "shop"}},
		{Name: "toolbox", ImageID: m.tags["alice/tool:1"], State: engine.Exited},
	}
	return m
}

func TestPrune(t *testing.T) {
	rules := PruneRules{Prefix: "drydock", Keep: 1}
	t.Run("a dry run removes nothing", func(t *testing.T) {
		m := yard(t)
		m.onRemove = func(ref string) error { return errors.New("removed " + ref) }
		r, err := Prune(t.Context(), m, PruneOptions{Rules: rules, DryRun: true})
		require.NoError(t, err)
		assert.True(t, r.DryRun)
		assert.Len(t, r.Images, 5)
		assert.Positive(t, r.Reclaimed)
		assert.Len(t, m.images, 6)
	})
	t.Run("what the plan says goes, and nothing else", func(t *testing.T) {
		m := yard(t)
		var said bytes.Buffer
		before, err := m.DiskUsage(t.Context())
		require.NoError(t, err)
		r, err := Prune(t.Context(), m, PruneOptions{Rules: rules, Narrate: &said})
		require.NoError(t, err)
		after, err := m.DiskUsage(t.Context())
		require.NoError(t, err)
		assert.Equal(t, before.Layers-after.Layers, r.Reclaimed)
		assert.Len(t, m.images, 4)
		for _, ref := range []string{"drydock/backend:v1", "drydock/base-trixie:b", "alice/tool:1"} {
			assert.Contains(t, m.tags, ref)
		}
		assert.Contains(t, said.String(), "leftover without a tag")
	})
	t.Run("an image that came into use stays", func(t *testing.T) {
		m := yard(t)
		m.onRemove = func(string) error {
			return &engine.Error{Doing: "removing", Kind: engine.ErrConflict, Err: errors.New("in use")}
		}
		r, err := Prune(t.Context(), m, PruneOptions{Rules: rules})
		require.NoError(t, err)
		assert.Len(t, m.images, 6)
		var reasons []string
		for _, p := range r.Images {
			assert.Equal(t, "keep", p.Action)
			reasons = append(reasons, p.Reason)
		}
		assert.Contains(t, reasons, "came into use meanwhile")
	})
	t.Run("one failure does not stop the others", func(t *testing.T) {
		m := yard(t)
		first := true
		m.onRemove = func(string) error {
			if first {
				first = false
				return errors.New("disk on fire")
			}
			return nil
		}
		_, err := Prune(t.Context(), m, PruneOptions{Rules: rules})
		require.ErrorContains(t, err, "disk on fire")
		assert.Len(t, m.images, 5)
	})
	t.Run("a tag that moved since the plan is left alone", func(t *testing.T) {
		m := yard(t)
		images, err := StoredImages(t.Context(), m)
		require.NoError(t, err)
		plan := PlanPrune(images, rules)
		var moved string
		for _, v := range plan {
			if !v.Kept && len(v.Refs) > 0 {
				moved = v.Refs[0]
			}
		}
		m.tags[moved] = m.tags["drydock/backend:v1"]
		require.NoError(t, removeAll(t.Context(), m, plan, nil))
		assert.Contains(t, m.tags, moved)
	})
	t.Run("a cancelled run says what it did not reach", func(t *testing.T) {
		m := yard(t)
		ctx, cancel := context.WithCancel(t.Context())
		m.onRemove = func(string) error { cancel(); return nil }
		_, err := Prune(ctx, m, PruneOptions{Rules: rules})
		require.ErrorIs(t, err, context.Canceled)
		assert.Len(t, m.images, 5)
	})
}

func TestWritePrune(t *testing.T) {
	r, err := Prune(t.Context(), yard(t), PruneOptions{Rules: PruneRules{Prefix: "drydock", Keep: 5}, DryRun: true})
	require.NoError(t, err)
	var text, machine bytes.Buffer
	require.NoError(t, WritePrune(&text, r, "text"))
	assert.Contains(t, text.String(), "running: shop-blue-backend-1")
	assert.Contains(t, text.String(), "1 of 5 images would be removed, at most ")
	require.NoError(t, WritePrune(&machine, r, "json"))
	for _, field := range []string{`"dry_run": true`, `"images": [`, `"reclaimed": `, `"cache": 0`, `"action": "remove"`, `"reason": "leftover without a tag"`} {
		assert.Contains(t, machine.String(), field)
	}
}

func TestCacheRules(t *testing.T) {
	assert.Equal(t, []string{"buildx", "prune", "--force"}, CacheRules{}.args())
	assert.Equal(t, []string{"buildx", "prune", "--force", "--filter", "until=168h0m0s", "--keep-storage", "5000000000"},
		CacheRules{Unused: 7 * 24 * time.Hour, Keep: 5e9}.args())
	n, err := parseCacheTotal("ID\tRECLAIMABLE\tSIZE\nabc\ttrue\t12MB\nTotal:\t1.5GB\n")
	require.NoError(t, err)
	assert.EqualValues(t, 1.5e9, n)
	n, err = parseCacheTotal("Total:\t0B\n")
	require.NoError(t, err)
	assert.Zero(t, n)
	_, err = parseCacheTotal("something else")
	require.ErrorContains(t, err, "something else")
}

// The cache is everybody's on the engine: a report says so, and what at most goes.
func TestPruneTellsOfTheCache(t *testing.T) {
	usage := engine.DiskUsage{BuildCache: 900, CacheIdle: []engine.IdleCache{
		{Size: 300, Used: noon.Add(-48 * time.Hour)}, {Size: 200, Used: noon.Add(-25 * time.Hour)}, {Size: 400, Used: noon.Add(-time.Hour)},
	}}
	for want, rules := range map[int64]CacheRules{
		500: {Unused: 24 * time.Hour, Keep: 100}, 300: {Unused: 24 * time.Hour, Keep: 600}, 0: {Unused: 24 * time.Hour, Keep: 1000}, 900: {},
	} {
		assert.Equal(t, want, rules.estimate(usage, noon), "%+v", rules)
	}
	cache := &CacheRules{Unused: 30 * 24 * time.Hour, Keep: 10e9}
	r, err := Prune(t.Context(), yard(t), PruneOptions{Rules: PruneRules{Prefix: "drydock"}, DryRun: true, Cache: cache})
	require.NoError(t, err)
	var text, machine bytes.Buffer
	require.NoError(t, WritePrune(&text, r, "text"))
	assert.Contains(t, text.String(), "build cache of the whole engine, of other projects too: 0B would be freed at most, of what nobody used for 4 weeks; the newest 10GB stay\n")
	require.NoError(t, WritePrune(&machine, r, "json"))
	for _, field := range []string{`"scope": "engine"`, `"unused_seconds": 2592000`, `"keep": 10000000000`} {
		assert.Contains(t, machine.String(), field)
	}
}

func TestList(t *testing.T) {
	rows, others, err := List(t.Context(), yard(t), PruneRules{Prefix: "drydock", Keep: 5}, noon.Add(72*time.Hour))
	require.NoError(t, err)
	assert.Zero(t, others)
	require.Len(t, rows, 5, "a stranger's image is not ours to show")
	var text bytes.Buffer
	require.NoError(t, WriteList(&text, rows, "text"))
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	require.Len(t, lines, 6)
	assert.Equal(t, []string{"NAME", "TARGET", "TAG", "INPUT", "ID", "COMMITTED", "SIZE", "HERE", "SINCE", "RUNS", "IN", "KEPT", "BY"}, strings.Fields(lines[0]))
	assert.Regexp(t, `backend +prod +v1 +1 +[0-9a-f]{12} +3 days ago +\S+kB +`+noon.Add(time.Hour).Local().Format("2006-01-02 15:04")+` +shop-blue-backend-1 +running: shop-blue-backend-1`, text.String())
	assert.Regexp(t, `backend +prod +- .* - \(leftover without a tag\)`, text.String())

	var machine bytes.Buffer
	require.NoError(t, WriteList(&machine, rows, "json"))
	for _, field := range []string{"name", "target", "version", "tags", "input", "id", "created", "since", "age_seconds", "size", "runs", "kept", "reason", "container", "project", "running"} {
		assert.Contains(t, machine.String(), `"`+field+`": `)
	}
	assert.Contains(t, machine.String(), `"age_seconds": 259200`)
	assert.NotContains(t, machine.String(), "null", "lists are lists")

	rows, others, err = List(t.Context(), yard(t), PruneRules{Prefix: "team", Keep: 5}, noon)
	require.NoError(t, err)
	assert.Equal(t, 5, len(rows)+others)
	for _, r := range rows {
		assert.Empty(t, r.Tags, "only what nobody has named is shown besides our own")
	}
	assert.NotEmpty(t, rows)

	text.Reset()
	require.NoError(t, WriteList(&text, []Row{{Name: "backend", ID: strings.Repeat("0", 64)}}, ""))
	assert.Contains(t, text.String(), "unknown", "without a commit nobody knows how old the sources are")
	text.Reset()
	require.NoError(t, WriteList(&text, nil, ""))
	assert.Contains(t, text.String(), "go tool mage build")
}
