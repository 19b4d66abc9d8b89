package image

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// made is an image of ours that was tagged some hours before noon.
func made(name, tag string, hoursAgo int, change ...func(*Stored)) Stored {
	s := Stored{
		ID: "sha256:" + name + tag, Name: name, Target: "prod", Input: tag,
		Refs: []string{"drydock/" + name + ":" + tag}, Created: noon.Add(-time.Duration(hoursAgo) * time.Hour), Dated: true,
		Layers: []string{name + tag},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func running(c string) func(*Stored) {
	return func(s *Stored) { s.Users = append(s.Users, User{Container: c, Running: true}) }
}
func stopped(c string) func(*Stored) {
	return func(s *Stored) { s.Users = append(s.Users, User{Container: c}) }
}
func dangling(s *Stored)               { s.Refs = nil }
func dev(s *Stored)                    { s.Target = "dev" }
func layers(l ...string) func(*Stored) { return func(s *Stored) { s.Layers = l } }
func alias(ref string) func(*Stored)   { return func(s *Stored) { s.Refs = append(s.Refs, ref) } }
func tagged(hoursAgo int) func(*Stored) {
	return func(s *Stored) { s.Tagged = noon.Add(-time.Duration(hoursAgo) * time.Hour) }
}
func undated(s *Stored)                   { s.Dated = false }
func inputOf(hash string) func(s *Stored) { return func(s *Stored) { s.Input = hash } }

func TestPlanPrune(t *testing.T) {
	rules := PruneRules{Prefix: "drydock", Keep: 2, Now: noon}
	tests := []struct {
		name   string
		images []Stored
		pinned []string
		want   []string // id: kept|removed: reason, in the plan's order
	}{
		{
			name:   "the newest stay, counted per name and target",
			images: []Stored{made("backend", "v1", 30), made("backend", "v2", 20), made("backend", "v3", 10), made("backend", "d1", 5, dev), made("frontend", "v1", 50)},
			want: []string{
				"backendd1 kept: newest 1 of 2",
				"backendv3 kept: newest 1 of 2", "backendv2 kept: newest 2 of 2", "backendv1 removed: unused, older than the newest 2",
				"frontendv1 kept: newest 1 of 2",
			},
		},
		{
			name: "newest is what this engine named last, then what was committed last",
			images: []Stored{
				made("backend", "old", 90, tagged(1)), made("backend", "new", 10, tagged(3)), made("backend", "dirty", 99, undated, tagged(2)),
				made("frontend", "v1", 30, tagged(5)), made("frontend", "v2", 20, tagged(5)), made("frontend", "v3", 10),
			},
			want: []string{
				"backendold kept: newest 1 of 2", "backenddirty kept: newest 2 of 2", "backendnew removed: unused, older than the newest 2",
				"frontendv2 kept: newest 1 of 2", "frontendv1 kept: newest 2 of 2", "frontendv3 removed: unused, older than the newest 2",
			},
		},
		{
			name:   "containers keep their image, stopped ones too",
			images: []Stored{made("backend", "v1", 50, running("shop-blue-1")), made("backend", "v2", 40, stopped("shop-green-1")), made("backend", "v3", 30), made("backend", "v4", 20), made("backend", "v5", 10)},
			want: []string{
				"backendv5 kept: newest 1 of 2", "backendv4 kept: newest 2 of 2", "backendv3 removed: unused, older than the newest 2",
				"backendv2 kept: stopped: shop-green-1", "backendv1 kept: running: shop-blue-1",
			},
		},
		{
			name:   "the previous release stays, by reference and by id",
			images: []Stored{made("backend", "v1", 50), made("backend", "v2", 40), made("backend", "v3", 30), made("backend", "v4", 20), made("backend", "v5", 10)},
			pinned: []string{"drydock/backend:v1", "sha256:backendv2", ""},
			want: []string{
				"backendv5 kept: newest 1 of 2", "backendv4 kept: newest 2 of 2", "backendv3 removed: unused, older than the newest 2",
				"backendv2 kept: pinned: a release that can be returned to", "backendv1 kept: pinned: a release that can be returned to",
			},
		},
		{
			name: "one of each base and toolchain, and what a kept image stands on",
			images: []Stored{
				made("base-trixie", "b1", 90, layers("b1")), made("base-trixie", "b2", 80, layers("b2")), made("base-trixie", "b3", 70, layers("b3")),
				made("toolchain-go", "t1", 60), made("toolchain-go", "t2", 50),
				made("postgres", "p1", 40, layers("b1", "p1"), running("shop-db-1")),
				made("nginx-base", "n1", 30, layers("b0", "n1")), made("nginx-base", "n2", 20, layers("b0", "n2")),
			},
			want: []string{
				"base-trixieb3 kept: current", "base-trixieb2 removed: replaced, nothing kept stands on it", "base-trixieb1 kept: under drydock/postgres:p1",
				"nginx-basen2 kept: current", "nginx-basen1 removed: replaced, nothing kept stands on it",
				"postgresp1 kept: running: shop-db-1",
				"toolchain-got2 kept: current", "toolchain-got1 removed: replaced, nothing kept stands on it",
			},
		},
		{
			name:   "leftovers go and do not count as versions",
			images: []Stored{made("backend", "x1", 3, dangling), made("backend", "x2", 2, dangling, stopped("old")), made("backend", "v1", 20), made("backend", "v2", 10)},
			want: []string{
				"backendx2 kept: stopped: old", "backendx1 removed: leftover without a tag",
				"backendv2 kept: newest 1 of 2", "backendv1 kept: newest 2 of 2",
			},
		},
		{
			name:   "an image that someone else tagged stays",
			images: []Stored{made("backend", "v1", 90, alias("alice/keep:this")), made("backend", "v2", 20), made("backend", "v3", 10), made("backend", "v4", 5)},
			want: []string{
				"backendv4 kept: newest 1 of 2", "backendv3 kept: newest 2 of 2", "backendv2 removed: unused, older than the newest 2",
				"backendv1 kept: also tagged alice/keep:this, which is not ours to remove",
			},
		},
		{
			name: "an image of someone else's on our base only inherited the label",
			images: []Stored{
				made("base-trixie", "b1", 90, layers("b1")),
				made("base-trixie", "theirs", 10, layers("b1", "x"), inputOf("b1"), dangling),
			},
			want: []string{"base-trixietheirs kept: built on base-trixie by someone else", "base-trixieb1 kept: current"},
		},
		{
			name: "a build at work keeps its image, one that was killed does not",
			images: []Stored{
				made("backend", "building-1", 1), made("backend", "building-2", 3), made("backend", "building-3", 4, alias("drydock/backend:v9")),
				made("backend", "v1", 20), made("backend", "v2", 10),
			},
			want: []string{
				"backendbuilding-1 kept: a build may be at work on it", "backendbuilding-2 removed: left by a build that was broken off",
				"backendbuilding-3 kept: newest 1 of 2", "backendv2 kept: newest 2 of 2", "backendv1 removed: unused, older than the newest 2",
			},
		},
		{
			name: "an image of uncommitted sources has no age and goes first",
			images: []Stored{
				made("backend", "dirty", 1, undated), made("backend", "v1", 30), made("backend", "v2", 20), made("frontend", "dirty", 1, undated),
			},
			want: []string{
				"backendv2 kept: newest 1 of 2", "backendv1 kept: newest 2 of 2", "backenddirty removed: unused, older than the newest 2",
				"frontenddirty kept: newest 1 of 2",
			},
		},
		{name: "nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rules := rules
			rules.Pinned = tt.pinned
			var got []string
			for _, v := range PlanPrune(tt.images, rules) {
				word := "removed"
				if v.Kept {
					word = "kept"
				}
				got = append(got, fmt.Sprintf("%s %s: %s", v.ID[len("sha256:"):], word, v.Reason))
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// basecamp/kamal 1655: the quick path skipped pruning and the disk filled. Ten
// deploys leave no more than the rules say.
func TestPlanPruneBoundsTenDeploys(t *testing.T) {
	rules := PruneRules{Prefix: "drydock", Keep: 3}
	var images []Stored
	for n := range 10 {
		for i := range images {
			images[i].Users = nil
		}
		images = append(images, made("backend", fmt.Sprint("v", n), 100-n, running("blue")))
		images = slices.DeleteFunc(images, func(s Stored) bool {
			return slices.ContainsFunc(PlanPrune(images, rules), func(v Verdict) bool { return v.ID == s.ID && !v.Kept })
		})
		assert.LessOrEqual(t, len(images), 3)
	}
}

// TestPlanPruneProperties draws engines at random and checks what must hold for
// every one of them.
func TestPlanPruneProperties(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		images, rules := randomEngine(rnd)
		plan := PlanPrune(images, rules)
		require.Len(t, plan, len(images), "every image has a verdict")

		kept := map[string]int{}
		tagged := map[string]int{}
		for _, v := range plan {
			require.NotEmpty(t, v.Reason)
			line := v.Name + " " + v.Target
			if len(v.Refs) > 0 {
				tagged[line]++
			}
			if v.Kept {
				if len(v.Refs) > 0 {
					kept[line]++
				}
				continue
			}
			assert.Empty(t, v.Users, "seed %d: a used image goes: %s", seed, v.ID)
			for _, ref := range append([]string{v.ID}, v.Refs...) {
				assert.NotContains(t, rules.Pinned, ref, "seed %d", seed)
			}
			for _, ref := range v.Refs {
				repo, _ := splitRef(ref)
				assert.Equal(t, "drydock/"+v.Name, repo, "seed %d", seed)
			}
			for _, o := range plan {
				if o.Kept && groundwork(v.Name) {
					assert.False(t, under(v.Layers, o.Layers), "seed %d: %s goes from under %s", seed, v.ID, o.ID)
				}
			}
		}
		for line, n := range tagged {
			want := min(n, rules.Keep)
			if groundwork(line[:len(line)-len(" prod")]) || groundwork(line[:len(line)-len(" dev")]) {
				want = 1
			}
			assert.GreaterOrEqual(t, kept[line], want, "seed %d: %s", seed, line)
		}
		// Doing it and planning again removes nothing more.
		var rest []Stored
		for _, v := range plan {
			if v.Kept {
				rest = append(rest, v.Stored)
			}
		}
		for _, v := range PlanPrune(rest, rules) {
			assert.True(t, v.Kept, "seed %d: a second run removes %s", seed, v.ID)
		}
		// The order that the engine lists them in does not matter.
		rnd.Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
		assert.Equal(t, plan, PlanPrune(images, rules), "seed %d", seed)
	}
}

func randomEngine(rnd *rand.Rand) ([]Stored, PruneRules) {
	names := []string{"backend", "frontend", "base-trixie", "toolchain-go", "postgres"}
	rules := PruneRules{Prefix: "drydock", Keep: rnd.IntN(4)}
	var images []Stored
	for i := range rnd.IntN(25) {
		s := made(names[rnd.IntN(len(names))], fmt.Sprint("t", i), rnd.IntN(100))
		s.Target = []string{"dev", "prod"}[rnd.IntN(2)]
		if len(images) > 0 && rnd.IntN(2) == 0 {
			s.Layers = append(slices.Clone(images[rnd.IntN(len(images))].Layers), s.ID)
		}
		switch rnd.IntN(8) {
		case 0:
			running("c")(&s)
		case 1:
			stopped("c")(&s)
		case 2:
			dangling(&s)
		case 3:
			alias("bob/x:1")(&s)
		case 4:
			rules.Pinned = append(rules.Pinned, s.ID)
		case 5:
			rules.Pinned = append(rules.Pinned, s.Refs[0])
		}
		images = append(images, s)
	}
	return images, rules
}
