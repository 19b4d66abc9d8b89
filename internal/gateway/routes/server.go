package routes

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// Listen is a parsed listen directive.
type Listen struct {
	Host    string // "" is every address; unix:/path for a socket
	Port    int    // 0 for a socket
	TLS     bool
	QUIC    bool
	Default bool
	Node    *conf.Node // nil: the server has no listen directive, nginx takes port 80
}

// Loopback tells whether only the machine itself reaches the address.
func (l Listen) Loopback() bool {
	return strings.HasPrefix(l.Host, "127.") || l.Host == "::1" || l.Host == "localhost"
}

// Listens are the addresses of a server.
func Listens(server *conf.Node) []Listen {
	var out []Listen
	for _, n := range server.All("listen") {
		out = append(out, ParseListen(n))
	}
	if len(out) == 0 {
		out = append(out, Listen{Port: 80})
	}
	return out
}

// ParseListen reads one listen directive.
func ParseListen(n *conf.Node) Listen {
	a := n.Arg(0)
	l := Listen{Node: n, Default: n.Has("default_server") || n.Has("default"), TLS: n.Has("ssl"), QUIC: n.Has("quic")}
	l.TLS = l.TLS || l.QUIC
	if s := n.Parent.Value("ssl"); s != nil && s.Arg(0) == "on" {
		l.TLS = true
	}
	switch {
	case strings.HasPrefix(a, "unix:"):
		l.Host = a
		return l
	case isDigits(a):
		l.Port, _ = strconv.Atoi(a)
		return l
	}
	l.Port = 80
	host := a
	if h, p, err := net.SplitHostPort(a); err == nil && isDigits(p) {
		host = h
		l.Port, _ = strconv.Atoi(p)
	}
	host = strings.Trim(host, "[]")
	if host != "*" && host != "0.0.0.0" && host != "::" {
		l.Host = host
	}
	return l
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Names are the server_name arguments, [""] if there is none.
func Names(server *conf.Node) []string {
	var out []string
	for _, n := range server.All("server_name") {
		out = append(out, n.Args...)
	}
	if len(out) == 0 {
		return []string{""}
	}
	return out
}

// chooseServer picks the server for a host at a port. An empty why means that nothing
// listens there.
func chooseServer(cfg *conf.Config, host string, port int, tls bool) (server *conf.Node, why string, names map[string]string) {
	var candidates []*conf.Node
	var fallback *conf.Node
	// Servers at an address of the machine's own are asked by itself only, as long as
	// another listens at the port.
	onlyLoopback := true
	for _, s := range cfg.Servers() {
		for _, l := range Listens(s) {
			if l.Port == port && l.TLS == tls && !l.Loopback() {
				onlyLoopback = false
			}
		}
	}
	for _, s := range cfg.Servers() {
		for _, l := range Listens(s) {
			if l.Port != port || l.Port == 0 || l.TLS != tls || l.Loopback() && !onlyLoopback {
				continue
			}
			if len(candidates) == 0 || candidates[len(candidates)-1] != s {
				candidates = append(candidates, s)
			}
			if l.Default && fallback == nil {
				fallback = s
			}
		}
	}
	if len(candidates) == 0 {
		return nil, "", nil
	}
	best, how := (*conf.Node)(nil), ""
	rank, length := 0, 0
	for _, s := range candidates {
		for _, name := range Names(s) {
			r, n := nameRank(strings.ToLower(name), host)
			if r > rank || r == rank && r > 0 && n > length {
				best, how, rank, length = s, name, r, n
			}
		}
	}
	if best == nil {
		for _, s := range candidates {
			for _, name := range Names(s) {
				pattern, ok := strings.CutPrefix(name, "~")
				if !ok {
					continue
				}
				p := Compile(pattern, true)
				if _, found, ok := p.Match(host); ok {
					return s, fmt.Sprintf("the host matches server_name %s", name), found
				}
			}
		}
	}
	switch {
	case best != nil && how == "":
		return best, "the request has no host, as server_name \"\" asks", nil
	case best != nil:
		return best, fmt.Sprintf("the host matches server_name %s", how), nil
	case fallback != nil:
		return fallback, "no server_name matches the host, and this is the default_server", nil
	case len(candidates) == 1:
		return candidates[0], "it is the only server at this port", nil
	}
	return candidates[0], "no server_name matches the host, and without a default_server the first counts", nil
}

// nameRank: exact names come before *.x, those before x.*; among equals the longer wins.
func nameRank(name, host string) (rank, length int) {
	switch {
	case strings.HasPrefix(name, "~"):
		return 0, 0
	case name == host:
		return 3, len(name)
	case strings.HasPrefix(name, "."):
		if host == name[1:] {
			return 3, len(name)
		}
		if strings.HasSuffix(host, name) {
			return 2, len(name)
		}
	case strings.HasPrefix(name, "*."):
		if strings.HasSuffix(host, name[1:]) && len(host) >= len(name) {
			return 2, len(name)
		}
	case strings.HasSuffix(name, ".*"):
		if strings.HasPrefix(host, name[:len(name)-1]) && len(host) > len(name)-1 {
			return 1, len(name)
		}
	}
	return 0, 0
}

// parseHost is what nginx makes of a Host header: lower case, without port and last
// dot. ok is false if it answers 400.
func parseHost(s string) (host string, ok bool) {
	port := false
	end := len(s)
	if strings.HasPrefix(s, "[") {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return "", false
		}
		if i+1 < len(s) && s[i+1] != ':' {
			return "", false
		}
		return strings.ToLower(s[:i+1]), true
	}
	dot := -2
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if dot == i-1 {
				return "", false
			}
			dot = i
		case c == ':':
			if !port {
				end, port = i, true
			}
		case c == '/' || c == 0 || c <= ' ' || c == 0x7f:
			return "", false
		}
	}
	host = strings.ToLower(s[:end])
	if len(host) > 1 {
		host = strings.TrimSuffix(host, ".")
	}
	return host, host != "" || s == ""
}
