// Package tinyapi is what the tiny test program writes, as types that a test can read.
//
// It owns the JSON between the two and nothing else; both sides import it, so they
// cannot disagree.
package tinyapi

// Echo is the answer of `tiny serve` to any request.
type Echo struct {
	Hostname string // of the container: its short id unless the test chose one
	Name     string // the -name flag: which instance answered
	Pid      int
	Method   string
	Path     string // as it arrived, still escaped, with the query
	Host     string
	Remote   string // the peer's address
	Proto    string
	Header   map[string][]string
	Body     string
	Length   int64 // of the body, as announced; -1 when chunked
}

// Dial is the result of `tiny dial`.
type Dial struct {
	Address  string
	OK       bool
	Resolved []string // addresses of the name; empty when it does not resolve
	Kind     string   // "" when OK, else one of the Kind constants
	Error    string
}

// Why a connection was not made.
const (
	KindName        = "name"        // the name does not resolve
	KindRefused     = "refused"     // somebody is there and nobody listens
	KindUnreachable = "unreachable" // no route
	KindTimeout     = "timeout"     // nobody answers
	KindOther       = "other"
)

// Env is the output of `tiny env`: each KEY=value as raw bytes (base64 in JSON), since
// a value need not be UTF-8.
type Env struct{ Vars [][]byte }

// Get returns one variable.
func (e Env) Get(key string) (string, bool) {
	for _, v := range e.Vars {
		if s := string(v); len(s) > len(key) && s[:len(key)] == key && s[len(key)] == '=' {
			return s[len(key)+1:], true
		}
	}
	return "", false
}
