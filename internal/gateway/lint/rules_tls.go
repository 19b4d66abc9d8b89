package lint

import (
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var tlsRules = []Rule{{
	ID: "tls-protocols", Title: "Broken versions of TLS are offered", Severity: Error,
	Why:    "SSL 3, TLS 1.0 and TLS 1.1 can be attacked and are withdrawn (RFC 8996). Before 1.27.3 nginx offers 1.0 and 1.1 if nothing is said.",
	Fix:    "Write `ssl_protocols TLSv1.2 TLSv1.3;` in http, so that every server has the same.",
	Source: docs + "http/ngx_http_ssl_module.html#ssl_protocols",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			var bad []string
			for _, a := range n.Args {
				switch a {
				case "SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1":
					bad = append(bad, a)
				}
			}
			if len(bad) > 0 {
				c.at(n, "%s offers %s", n.Name, quoteList(bad))
			}
		}, "ssl_protocols", "proxy_ssl_protocols", "grpc_ssl_protocols", "uwsgi_ssl_protocols")
		if c.version.Before(v(1, 27, 3)) && !c.incomplete() {
			for _, s := range tlsServers(c) {
				if s.Value("ssl_protocols") == nil {
					c.at(s, "ssl_protocols is not set, and nginx %s then offers TLSv1 and TLSv1.1", c.version)
				}
			}
		}
	},
}, {
	ID: "tls-ciphers", Title: "Weak ciphers are offered", Severity: Error,
	Why:    "Ciphers without authentication, without encryption, or with RC4, DES or MD5 give no protection to whoever is made to use them.",
	Fix:    "Offer ECDHE with AES-GCM or ChaCha20 only, or leave ssl_ciphers out: the default is HIGH:!aNULL:!MD5.",
	Source: docs + "http/ngx_http_ssl_module.html#ssl_ciphers",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if bad := weakCiphers(n.Arg(0)); len(bad) > 0 {
				c.at(n, "the list holds %s", quoteList(bad))
			}
		}, "ssl_ciphers")
	},
}, {
	ID: "tls-session-tickets", Title: "Session tickets whose key is never changed", Severity: Warning,
	Why:    "Who gets the ticket key can decrypt every session that it was used for. nginx changes it by itself only since 1.23.2 and only with a shared session cache; otherwise it stays until the restart.",
	Fix:    "Write `ssl_session_tickets off;`, or set `ssl_session_cache shared:...` with nginx 1.23.2 or newer.",
	Source: docs + "http/ngx_http_ssl_module.html#ssl_session_tickets",
	check: func(c *check) {
		if c.incomplete() {
			return
		}
		for _, s := range tlsServers(c) {
			if off(s, "ssl_session_tickets") || s.Value("ssl_session_ticket_key") != nil || on(s, "ssl_reject_handshake") {
				continue
			}
			shared := false
			if n := s.Value("ssl_session_cache"); n != nil {
				for _, a := range n.Args {
					shared = shared || strings.HasPrefix(a, "shared:")
				}
			}
			if !shared || c.version.Before(v(1, 23, 2)) {
				c.at(s, "session tickets are on, and their key stays the same until the restart")
			}
		}
	},
}, {
	ID: "upstream-tls-verify", Title: "The upstream's certificate is not checked", Severity: Warning,
	Why:    "nginx accepts any certificate from an https upstream unless it is told otherwise: whoever gets between sees and changes everything. And without SNI the upstream may send the certificate of another site.",
	Fix:    "Set proxy_ssl_verify on, proxy_ssl_trusted_certificate, proxy_ssl_server_name on and, for an upstream block, proxy_ssl_name.",
	Source: docs + "http/ngx_http_proxy_module.html#proxy_ssl_verify",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			scheme := conf.ParseTarget(n.Arg(0)).Scheme
			prefix := "proxy"
			switch {
			case n.Name == "proxy_pass" && scheme == "https":
			case n.Name == "grpc_pass" && scheme == "grpcs":
				prefix = "grpc"
			default:
				return
			}
			host := conf.ParseTarget(n.Arg(0)).Host
			if host == "localhost" || host == "127.0.0.1" {
				return
			}
			var missing []string
			if !on(n.Parent, prefix+"_ssl_verify") {
				missing = append(missing, prefix+"_ssl_verify on")
			}
			if !on(n.Parent, prefix+"_ssl_server_name") && !conf.IsAddress(host) {
				missing = append(missing, prefix+"_ssl_server_name on")
			}
			if len(missing) > 0 {
				c.at(n, "missing: %s", quoteList(missing))
			}
		}, "proxy_pass", "grpc_pass")
	},
}}

func tlsServers(c *check) []*conf.Node {
	var out []*conf.Node
	for _, s := range c.cfg.Servers() {
		for _, l := range routes.Listens(s) {
			if l.TLS && !l.QUIC {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

func weakCiphers(list string) []string {
	var bad []string
	removed := map[string]bool{}
	parts := strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ' ' || r == ',' })
	for _, p := range parts {
		if strings.HasPrefix(p, "!") {
			removed[p[1:]] = true
		}
	}
	for _, p := range parts {
		if p[0] == '!' || p[0] == '-' || p[0] == '+' || p[0] == '@' {
			continue
		}
		// A suite: its parts. A class: what it brings along unless that is excluded.
		for _, piece := range strings.FieldsFunc(p, func(r rune) bool { return r == '-' || r == '+' || r == '_' }) {
			switch piece {
			case "RC4", "DES", "3DES", "NULL", "eNULL", "EXP", "EXPORT", "EXPORT40", "EXPORT56", "MD5", "aNULL", "ADH", "AECDH", "LOW", "SEED", "IDEA", "CBC3", "MEDIUM":
				if !removed[piece] {
					bad = append(bad, p)
				}
			case "ALL", "COMPLEMENTOFALL":
				if !removed["aNULL"] || !removed["RC4"] && !removed["LOW"] {
					bad = append(bad, p)
				}
			case "HIGH":
				if p == "HIGH" && !removed["aNULL"] {
					bad = append(bad, "HIGH without !aNULL")
				}
			default:
				continue
			}
			break
		}
	}
	return bad
}
