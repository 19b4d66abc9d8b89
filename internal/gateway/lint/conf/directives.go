package conf

import (
	"strconv"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// Version is a version of nginx. The zero value stands for "the newest known".
type Version struct{ Major, Minor, Patch int }

// ParseVersion reads "1.30.6", "nginx/1.30.6" or "1.30"; anything else is the zero value
// and false.
func ParseVersion(s string) (Version, bool) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "nginx/")
	parts := strings.Split(s, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return Version{}, false
	}
	var n [3]int
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 {
			return Version{}, false
		}
		n[i] = v
	}
	return Version{n[0], n[1], n[2]}, true
}

// Before tells whether v is older than o. The newest known is older than nothing.
func (v Version) Before(o Version) bool {
	if v == (Version{}) {
		return false
	}
	if v.Major != o.Major {
		return v.Major < o.Major
	}
	if v.Minor != o.Minor {
		return v.Minor < o.Minor
	}
	return v.Patch < o.Patch
}

func (v Version) String() string {
	if v == (Version{}) {
		return "the newest"
	}
	return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor) + "." + strconv.Itoa(v.Patch)
}

// Masks of crossplane's tables (they are those of nginx's own source, ngx_conf_file.h,
// and not exported there).
const (
	maskBlock = 0x100
	maskExpr  = 0x200
	maskFlag  = 0x400
	maskAny   = 0x800
	mask1More = 0x1000
	mask2More = 0x2000

	inMain       = 0x40000
	inEvents     = 0x80000
	inMail       = 0x100000
	inMailSrv    = 0x200000
	inStream     = 0x400000
	inStreamSrv  = 0x800000
	inStreamUps  = 0x1000000
	inHTTP       = 0x2000000
	inServer     = 0x4000000
	inLocation   = 0x8000000
	inUpstream   = 0x10000000
	inServerIf   = 0x20000000
	inLocationIf = 0x40000000
	inExcept     = 0x80000000
)

// since is the version in which a directive appeared, for those that are younger than
// nginx 1.20 (https://nginx.org/en/CHANGES).
var since = map[string]Version{
	"keepalive_time":                  {1, 19, 10},
	"proxy_cookie_flags":              {1, 19, 3},
	"ssl_conf_command":                {1, 19, 4},
	"ssl_reject_handshake":            {1, 19, 4},
	"proxy_ssl_conf_command":          {1, 19, 4},
	"grpc_ssl_conf_command":           {1, 19, 4},
	"uwsgi_ssl_conf_command":          {1, 19, 4},
	"userid_flags":                    {1, 19, 3},
	"ssl_ocsp":                        {1, 19, 0},
	"ssl_ocsp_cache":                  {1, 19, 0},
	"ssl_ocsp_responder":              {1, 19, 0},
	"mp4_start_key_frame":             {1, 21, 4},
	"proxy_half_close":                {1, 21, 4},
	"ssl_alpn":                        {1, 21, 4},
	"http3":                           {1, 25, 0},
	"http3_hq":                        {1, 25, 0},
	"http3_max_concurrent_streams":    {1, 25, 0},
	"http3_stream_buffer_size":        {1, 25, 0},
	"quic_active_connection_id_limit": {1, 25, 0},
	"quic_bpf":                        {1, 25, 0},
	"quic_gso":                        {1, 25, 0},
	"quic_host_key":                   {1, 25, 0},
	"quic_retry":                      {1, 25, 0},
	"http2":                           {1, 25, 1},
	"pass":                            {1, 25, 5},
	"proxy_pass_trailers":             {1, 27, 2},
	"keepalive_min_timeout":           {1, 27, 4},
	"ssl_certificate_cache":           {1, 27, 4},
	"ssl_object_cache_inheritable":    {1, 27, 4},
	"proxy_ssl_certificate_cache":     {1, 27, 4},
	"grpc_ssl_certificate_cache":      {1, 27, 4},
	"uwsgi_ssl_certificate_cache":     {1, 27, 4},
	"early_hints":                     {1, 29, 0},
	"ssl_certificate_compression":     {1, 29, 1},
	"add_header_inherit":              {1, 29, 3},
	"add_trailer_inherit":             {1, 29, 3},
	"ssl_ech_file":                    {1, 29, 4},
	"sticky":                          {1, 29, 6},
	"max_headers":                     {1, 29, 7},
	// Known to crossplane, and not to nginx 1.30.
	"least_time":                   {1, 31, 0},
	"proxy_ssl_alpn":               {1, 31, 0},
	"tunnel_bind":                  {1, 31, 0},
	"tunnel_buffer_size":           {1, 31, 0},
	"tunnel_connect_timeout":       {1, 31, 0},
	"tunnel_next_upstream":         {1, 31, 0},
	"tunnel_next_upstream_timeout": {1, 31, 0},
	"tunnel_next_upstream_tries":   {1, 31, 0},
	"tunnel_pass":                  {1, 31, 0},
	"tunnel_read_timeout":          {1, 31, 0},
	"tunnel_send_lowat":            {1, 31, 0},
	"tunnel_send_timeout":          {1, 31, 0},
	"tunnel_socket_keepalive":      {1, 31, 0},
}

// removed is the version from which a directive is refused.
var removed = map[string]Version{
	"ssl":                         {1, 25, 1},
	"http2_push":                  {1, 25, 1},
	"http2_push_preload":          {1, 25, 1},
	"http2_max_concurrent_pushes": {1, 25, 1},
	"http2_idle_timeout":          {1, 19, 7},
	"http2_max_field_size":        {1, 19, 7},
	"http2_max_header_size":       {1, 19, 7},
	"http2_max_requests":          {1, 19, 7},
	"http2_recv_timeout":          {1, 19, 7},
	"upstream_conf":               {1, 13, 12},
}

// tolerated are removed directives that nginx still reads, with a warning only.
var tolerated = map[string]bool{
	"http2_push": true, "http2_push_preload": true, "http2_max_concurrent_pushes": true,
	"http2_idle_timeout": true, "http2_max_field_size": true, "http2_max_header_size": true,
	"http2_max_requests": true, "http2_recv_timeout": true,
}

// supplement are directives of modules that crossplane has no table of.
var supplement = map[string][]uint{}

func init() {
	anywhere := uint(inHTTP | inServer | inLocation)
	for _, n := range []string{"brotli", "brotli_static", "brotli_comp_level", "brotli_window", "brotli_min_length", "zstd", "zstd_static",
		"zstd_comp_level", "zstd_min_length", "modsecurity", "modsecurity_rules_file", "vhost_traffic_status", "vhost_traffic_status_display",
		"fancyindex", "auth_pam", "auth_pam_service_name", "dav_ext_methods", "upload_progress"} {
		supplement[n] = []uint{anywhere | inLocationIf | maskAny}
	}
	supplement["brotli_types"] = []uint{anywhere | mask1More}
	supplement["brotli_buffers"] = []uint{anywhere | 0x4}
	supplement["zstd_types"] = []uint{anywhere | mask1More}
	supplement["vhost_traffic_status_zone"] = []uint{inHTTP | maskAny}
	supplement["modsecurity_rules"] = []uint{anywhere | mask1More}
	for n := range tolerated {
		supplement[n] = []uint{inHTTP | inServer | inLocation | 0x2}
	}
	supplement["ssl"] = []uint{inHTTP | inServer | inMail | inMailSrv | maskFlag}
}

// Verdict is what the table of directives says about one.
type Verdict struct {
	Known   bool    // some nginx or a usual module has it
	Plus    bool    // only the commercial nginx has it
	TooNew  Version // not zero: it appeared in this version, after the asked one
	Removed Version // not zero: it is refused since this version, at or before the asked one
	Context bool    // it may stand here
	Args    bool    // and takes that many arguments, with or without a block
}

// OK tells whether nginx would read the directive.
func (v Verdict) OK() bool {
	return v.Known && !v.Plus && v.TooNew == (Version{}) && v.Removed == (Version{}) && v.Context && v.Args
}

var modules = []crossplane.MatchFunc{crossplane.MatchOssLatest, crossplane.MatchNjsLatest, crossplane.MatchHeadersMoreLatest,
	crossplane.MatchLuaLatest, crossplane.MatchGeoip2Latest, crossplane.MatchOtelLatest,
	func(name string) ([]uint, bool) { m, ok := supplement[name]; return m, ok }}

// Judge asks the tables about a directive, at its place, for a version of nginx.
func Judge(n *Node, v Version) Verdict {
	masks := masksOf(n.Name)
	if len(masks) == 0 {
		_, plus := crossplane.MatchNginxPlusLatest(n.Name)
		return Verdict{Known: plus, Plus: plus, Context: true, Args: true}
	}
	verdict := Verdict{Known: true, Context: true, Args: true}
	if s, ok := since[n.Name]; ok && v.Before(s) {
		verdict.TooNew = s
	}
	if r, ok := removed[n.Name]; ok && !tolerated[n.Name] && !v.Before(r) {
		verdict.Removed = r
	}
	where := context(n.Parent)
	if where == 0 || n.Name == "if" && n.Within("stream") {
		return verdict // a block whose inside no table describes
	}
	verdict.Context, verdict.Args = false, false
	for _, m := range masks {
		if m&where == 0 {
			continue
		}
		verdict.Context = true
		if takes(m, n) {
			verdict.Args = true
		}
	}
	if !verdict.Context {
		verdict.Args = true
	}
	return verdict
}

func masksOf(name string) []uint {
	var masks []uint
	for _, match := range modules {
		m, _ := match(name)
		masks = append(masks, m...)
	}
	return masks
}

// neverBlock tells whether a directive is known, and has a block nowhere.
func neverBlock(name string) bool {
	masks := masksOf(name)
	if _, plus := crossplane.MatchNginxPlusLatest(name); plus && len(masks) == 0 {
		return false
	}
	for _, m := range masks {
		if m&maskBlock != 0 {
			return false
		}
	}
	return len(masks) > 0 && !strings.HasSuffix(name, "_by_lua_block")
}

// IsDirective tells whether some module has a directive with this name.
func IsDirective(name string) bool { return len(masksOf(name)) > 0 }

// Lua's lexer turns a block into an argument.
func luaBlock(n *Node) bool { return strings.HasSuffix(n.Name, "_by_lua_block") }

func takes(m uint, n *Node) bool {
	if luaBlock(n) {
		return true
	}
	if (m&maskBlock != 0) != n.Block {
		return false
	}
	args := len(n.Args)
	switch {
	case args <= 7 && m>>args&1 != 0 && m&0xff != 0, m&maskAny != 0,
		m&mask1More != 0 && args >= 1, m&mask2More != 0 && args >= 2:
		return true
	case m&maskFlag != 0 && args == 1:
		a := strings.ToLower(n.Args[0])
		return a == "on" || a == "off"
	}
	return m&maskExpr != 0 && args >= 1
}

// context is the mask of the block that n stands for, 0 if no table knows.
func context(n *Node) uint {
	if n.Parent == nil {
		return inMain
	}
	outer := n.Parent.Name
	switch n.Name {
	case "events":
		return inEvents
	case "mail":
		return inMail
	case "stream":
		return inStream
	case "http":
		return inHTTP
	case "server":
		switch outer {
		case "http":
			return inServer
		case "stream":
			return inStreamSrv
		case "mail":
			return inMailSrv
		}
	case "upstream":
		if outer == "http" {
			return inUpstream
		}
		return inStreamUps
	case "location":
		return inLocation
	case "if":
		if outer == "server" {
			return inServerIf
		}
		return inLocationIf
	case "limit_except":
		return inExcept
	}
	return 0
}
