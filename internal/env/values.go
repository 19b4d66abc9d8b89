package env

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
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
	if k, ours := byName()[key]; ours {
		v.Value = k.masked(v.Value)
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

var (
	// The password goes up to the last @ of the authority (RFC 3986, 3.2).
	passwordInURL = regexp.MustCompile(`(://[^:/@\s]*:)[^/\s]*@`)
	// Proxies may come without a scheme.
	passwordInProxy = regexp.MustCompile(`^([^:/@\s]*:)[^/\s]*@`)
	// In what is no URL because of its password, all up to the last @ may be it.
	passwordInNoURL = regexp.MustCompile(`(?s)(://[^:@]*:).*@`)
)

// maskURL hides the password in scheme://user:password@host, alone or in a list
// (GOPROXY). A text that has none stays as it is.
func maskURL(value string) string { return passwordInURL.ReplaceAllString(value, "${1}"+mask+"@") }

// masked is how a value of the schema is shown.
func (k Key) masked(value string) string {
	if k.kind.Name == "proxy" && !strings.Contains(value, "://") {
		return passwordInProxy.ReplaceAllString(value, "${1}"+mask+"@")
	}
	return maskURL(value)
}

// wrong is how a value is shown that has not got the form of its kind.
func (k Key) wrong(value string) string {
	value = passwordInNoURL.ReplaceAllString(value, "${1}"+mask+"@")
	return quoted(k.masked(value))
}

// quoted shows a text in a message: on one line and not too long.
func quoted(text string) string {
	const most = 80
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return strconv.Quote(text)
}

// shown is a Build without the passwords of its URLs. The type has no methods,
// so that printing it does not come back here.
func (b Build) shown() any {
	type plain Build
	p := plain(b)
	for _, url := range []*string{&p.DebianMirror, &p.SecurityMirror, &p.GoProxy, &p.GoSumDB, &p.NpmRegistry, &p.HTTPProxy, &p.HTTPSProxy, &p.WebhookProxy} {
		*url = maskURL(*url)
	}
	return p
}

// Format prints b without the passwords of its URLs.
func (b Build) Format(f fmt.State, verb rune) { fmt.Fprintf(f, fmt.FormatString(f, verb), b.shown()) }

// MarshalJSON is b without the passwords of its URLs.
func (b Build) MarshalJSON() ([]byte, error) { return json.Marshal(b.shown()) }

// Format prints which settings these are, not what they say: a whole Settings in
// a log is never meant, and fmt would follow its pointers for a wrong verb.
func (s Settings) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "settings of environment %s (project %s)", s.Env, s.Project)
}
