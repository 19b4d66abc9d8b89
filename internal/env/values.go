package env

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// Value is a key as it was resolved, for people and for machines.
type Value struct {
	Key    string `json:"key"`
	Group  string `json:"group"`
	Value  string `json:"value"` // "****" for a secret that is set; the password of a URL is masked
	Origin string `json:"origin"`
	Secret bool   `json:"secret"`
	Option bool   `json:"option"`

	raw *string // the secret; behind a pointer, because fmt follows none of these
}

// table is the values by key. Settings has a pointer to it, so that no print
// of Settings goes into it.
type table struct {
	byKey   map[string]Value
	process map[string]string
}

func (t *table) put(v Value) { t.byKey[v.Key] = v }

// Lookup returns one key of the schema or of the user.
func (s *Settings) Lookup(key string) (Value, bool) {
	if s.values == nil {
		return Value{}, false
	}
	v, ok := s.values.byKey[key]
	if _, ours := byName()[key]; ours {
		v.Value = maskURL(v.Value)
	}
	return v, ok
}

// Explain returns every key in the order of the manual; the user's own keys
// follow the ones of their half of the product.
func (s *Settings) Explain() []Value {
	if s.values == nil {
		return nil
	}
	rank := map[string]int{}
	for i, k := range schema() {
		rank[k.Name] = i + 1
	}
	groups := map[string]int{}
	for i, g := range Groups {
		groups[g.Name] = i
	}
	var all []Value
	for _, key := range sortedKeys(s.values.byKey) {
		v, _ := s.Lookup(key)
		all = append(all, v)
	}
	slices.SortStableFunc(all, func(a, b Value) int {
		ra, rb := rank[a.Key], rank[b.Key]
		if ra == 0 {
			ra = len(rank) + 1
		}
		if rb == 0 {
			rb = len(rank) + 1
		}
		return cmp.Or(cmp.Compare(groups[a.Group], groups[b.Group]), cmp.Compare(ra, rb), cmp.Compare(a.Key, b.Key))
	})
	return all
}

// maskURL hides the password in scheme://user:password@host, alone or in a list
// (GOPROXY). A text that is no such URL stays as it is.
func maskURL(value string) string {
	if !strings.Contains(value, "://") || !strings.Contains(value, "@") {
		return value
	}
	parts := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '|' })
	for _, part := range parts {
		u, err := url.Parse(part)
		if err != nil || u.User == nil {
			continue
		}
		if _, has := u.User.Password(); has {
			scheme, rest, _ := strings.Cut(part, "://")
			at := strings.LastIndex(rest[:hostEnd(rest)], "@")
			value = strings.Replace(value, part, scheme+"://"+u.User.Username()+":"+mask+rest[at:], 1)
		}
	}
	return value
}

// hostEnd is where user:password@host ends in what follows ://.
func hostEnd(rest string) int {
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return i
	}
	return len(rest)
}
