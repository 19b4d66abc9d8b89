package env

import (
	"fmt"
	"io"
)

// Difference is a key whose value is another one in another environment.
type Difference struct {
	Key    string `json:"key"`
	Group  string `json:"group"`
	Secret bool   `json:"secret"`
	A      *Side  `json:"a"` // nil when the environment does not have the key
	B      *Side  `json:"b"`
}

// Side is one environment's value.
type Side struct {
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// diffResult is the JSON form of [Diff].
type diffResult struct {
	A           string       `json:"a"`
	B           string       `json:"b"`
	Differences []Difference `json:"differences"`
	ProblemsA   int          `json:"problems_a"`
	ProblemsB   int          `json:"problems_b"`
}

// Diff writes the keys that differ between two environments. Secrets are
// compared by their content and shown masked. Problems of the environments are
// counted, not returned: comparing with an environment that is not complete
// yet is what one does on the way to completing it. Only an environment that
// does not exist is an error.
func Diff(w io.Writer, src Source, envA, envB string) error {
	src.ReadOnly = true
	src.Env = envA
	a := resolve(src)
	src.Env = envB
	b := resolve(src)
	for _, r := range []*resolver{a, b} {
		if r.layers == nil {
			return r.problems.err()
		}
	}
	diffs := differences(a.settings, b.settings)
	if a.settings.Options.Format == "json" {
		return writeJSON(w, diffResult{envA, envB, diffs, len(a.problems.List), len(b.problems.List)})
	}
	return writeDiff(w, diffs, a, b)
}

func differences(a, b *Settings) []Difference {
	diffs := []Difference{}
	seen := map[string]bool{}
	for _, list := range [][]Value{a.Explain(), b.Explain()} {
		for _, v := range list {
			if seen[v.Key] || v.Option {
				continue
			}
			seen[v.Key] = true
			va, inA := a.values.byKey[v.Key]
			vb, inB := b.values.byKey[v.Key]
			if inA == inB && content(va) == content(vb) {
				continue
			}
			diffs = append(diffs, Difference{v.Key, v.Group, v.Secret, sideOf(a, v.Key), sideOf(b, v.Key)})
		}
	}
	return diffs
}

// content is what is compared: the secret itself, and whether it is there.
func content(v Value) string {
	if v.raw != nil {
		return "set " + *v.raw
	}
	return v.Value
}

func sideOf(s *Settings, key string) *Side {
	v, ok := s.Lookup(key)
	if !ok {
		return nil
	}
	return &Side{v.Value, v.Origin}
}

func writeDiff(w io.Writer, diffs []Difference, a, b *resolver) error {
	text := func(s *Side, secret bool) string {
		if s == nil {
			return "(no such key)"
		}
		return shown(Value{Value: s.Value, Secret: secret})
	}
	if _, err := fmt.Fprintf(w, "%s %s %s\n", pad("KEY", 25), pad(a.env, 30), b.env); err != nil {
		return err
	}
	for _, d := range diffs {
		if _, err := fmt.Fprintf(w, "%s %s %s\n", pad(d.Key, 25), pad(text(d.A, d.Secret), 30), text(d.B, d.Secret)); err != nil {
			return err
		}
	}
	if len(diffs) == 0 {
		if _, err := fmt.Fprintln(w, "no difference"); err != nil {
			return err
		}
	}
	for _, r := range []*resolver{a, b} {
		if n := len(r.problems.List); n > 0 {
			if _, err := fmt.Fprintf(w, "\nenvironment %s has %d problem(s): ENV=%s go tool mage env:check\n", r.env, n, r.env); err != nil {
				return err
			}
		}
	}
	return nil
}
