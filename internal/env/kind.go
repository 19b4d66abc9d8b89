package env

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// Kind is what a value has to look like. The texts go into the manual and into
// error messages.
type Kind struct {
	Name   string // stable, for machines: port, bool, duration, ...
	En, Zh string // what it is: "a port", "端口"
	How    string // how to write it: "a whole number from 1 to 65535"
	HowZh  string
	Empty  bool // an empty value means something
}

// field binds a key to the typed value: it parses, checks and stores. The error
// completes the sentence `"x" ...`; errForm stands for "is not " + Kind.En.
type field struct {
	kind  Kind
	store func(s *Settings, value string) error
}

var errForm = errors.New("has the wrong form")

// bind makes a field of a kind, a parser and the place of the result.
func bind[T any](k Kind, parse func(string) (T, error), at func(*Settings) *T) field {
	return field{k, func(s *Settings, value string) error {
		if value == "" && k.Empty {
			return nil
		}
		parsed, err := parse(value)
		if err == nil {
			*at(s) = parsed
		}
		return err
	}}
}

// matching is a parser of texts that match a pattern as a whole.
func matching(pattern string) func(string) (string, error) {
	re := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return func(v string) (string, error) {
		if !re.MatchString(v) {
			return "", errForm
		}
		return v, nil
	}
}

func optional(f field) field {
	f.kind.Empty = true
	store := f.store
	f.store = func(s *Settings, value string) error {
		if value == "" {
			return nil
		}
		return store(s, value)
	}
	return f
}

func anEnum[T ~string](at func(*Settings) *T, values ...string) field {
	k := Kind{Name: "enum", En: "one of the choices", Zh: "可选值之一", How: strings.Join(values, ", "), HowZh: strings.Join(values, "、")}
	return bind(k, func(v string) (T, error) {
		for _, one := range values {
			if v == one {
				return T(v), nil
			}
		}
		return "", errForm
	}, at)
}

func aList(at func(*Settings) *[]string) field {
	k := Kind{Name: "list", En: "a list", Zh: "列表", How: "separated by commas", HowZh: "用逗号分隔", Empty: true}
	return bind(k, func(v string) ([]string, error) { return parts(v), nil }, at)
}

// anImage is a reference as docker pull takes it; empty builds our own.
func anImage(at func(*Settings) *string) field {
	k := Kind{Name: "image", En: "an image reference", Zh: "镜像引用", How: "[host/]name[:tag][@digest]; empty builds our own", HowZh: "[主机/]名称[:标签][@摘要]；空值表示自行构建", Empty: true}
	return bind(k, func(v string) (string, error) {
		if _, err := reference.ParseNormalizedNamed(v); err != nil {
			return "", fmt.Errorf("is no image reference (%w)", err)
		}
		return v, nil
	}, at)
}

// aRepository is the part of an image name before /<name>:<tag>.
func aRepository(at func(*Settings) *string) field {
	k := Kind{Name: "repository", En: "an image path", Zh: "镜像路径", How: "[host[:port]/]path in lower case, without a tag", HowZh: "[主机[:端口]/]小写路径，不带标签"}
	return bind(k, func(v string) (string, error) {
		ref, err := reference.ParseNormalizedNamed(v + "/x")
		// The parser takes a first part in upper case for a host.
		if err != nil || !reference.IsNameOnly(ref) || strings.ToLower(v) != v {
			return "", errForm
		}
		return v, nil
	}, at)
}

func anAddress(at func(*Settings) *string) field {
	k := Kind{Name: "address", En: "an IP address", Zh: "IP 地址", How: "127.0.0.1 for this machine only, 0.0.0.0 for every network, or the address of one", HowZh: "127.0.0.1 仅本机，0.0.0.0 所有网络，或某个网卡的地址"}
	return bind(k, func(v string) (string, error) {
		addr, err := netip.ParseAddr(v)
		if err != nil || addr.Zone() != "" {
			return "", errForm
		}
		return v, nil
	}, at)
}

func aURL(at func(*Settings) *string, schemes ...string) field {
	all := strings.Join(schemes, ", ")
	k := Kind{Name: "url", En: "a URL", Zh: "URL", How: "scheme://host[:port]/path with " + all, HowZh: "scheme://主机[:端口]/路径，协议为 " + strings.ReplaceAll(all, ", ", "、")}
	return bind(k, func(v string) (string, error) {
		u, err := url.Parse(v)
		if err != nil || u.Host == "" || strings.ContainsAny(v, " \t\r\n'\"") {
			return "", errForm
		}
		for _, scheme := range schemes {
			if u.Scheme == scheme {
				return v, nil
			}
		}
		return "", errForm
	}, at)
}

// aProxy is a proxy as curl takes it. Without a scheme it is http://; the typed
// value always has one.
func aProxy(at func(*Settings) *string) field {
	k := Kind{Name: "proxy", En: "a proxy", Zh: "代理", How: "[scheme://][user:password@]host:port; empty for none", HowZh: "[scheme://][用户:密码@]主机:端口；空值表示没有", Empty: true}
	return bind(k, func(v string) (string, error) {
		if !strings.Contains(v, "://") {
			v = "http://" + v
		}
		u, err := url.Parse(v)
		if err != nil || u.Hostname() == "" || strings.ContainsAny(v, " \t\r\n'\"") {
			return "", errForm
		}
		switch u.Scheme {
		case "http", "https", "socks4", "socks4a", "socks5", "socks5h":
			return v, nil
		}
		return "", errForm
	}, at)
}

// aURLPath is the path of a request.
func aURLPath(at func(*Settings) *string) field {
	k := Kind{Name: "url-path", En: "a URL path", Zh: "URL 路径", How: "it starts with / and has no blanks, quotes or control characters", HowZh: "以 / 开头，不含空白、引号和控制字符"}
	return bind(k, matching(`/[A-Za-z0-9._~!&()*+,;=:@%/?-]*`), at)
}

// aText is free text of one line.
func aText(how, howZh string, at func(*Settings) *string) field {
	k := Kind{Name: "string", En: "a text of one line", Zh: "单行文本", How: how, HowZh: howZh, Empty: true}
	return bind(k, func(v string) (string, error) {
		if hasControl(v) {
			return "", errForm
		}
		return v, nil
	}, at)
}

func aTag(at func(*Settings) *string) field {
	k := Kind{Name: "tag", En: "an image tag", Zh: "镜像标签", How: "letters, digits, . _ -, at most 128; empty takes git's", HowZh: "字母、数字、. _ -，最多 128 个字符；空值取自 git", Empty: true}
	return bind(k, matching(`[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`), at)
}

func aCommand(at func(*Settings) *[]string) field {
	k := Kind{Name: "words", En: "the words of a command", Zh: "命令的各个单词", How: "as in a shell: blanks separate, quotes and \\ protect; nothing is expanded; empty for none", HowZh: "与 shell 相同：空白分隔，引号和 \\ 保护；不做任何展开；空值表示没有", Empty: true}
	return bind(k, SplitWords, at)
}

// aSecret is kept apart from every other kind: its value never gets into an error.
func aSecret(at func(*Settings) *Secret) field {
	k := Kind{Name: "secret", En: "a secret", Zh: "密钥", How: "in .env.<env>.local, as a path in <KEY>_FILE, or in .secrets/<env>/", HowZh: "写在 .env.<env>.local 中，或用 <KEY>_FILE 给出文件路径，或放在 .secrets/<env>/ 下"}
	return field{k, func(s *Settings, v string) error {
		if hasControl(v) {
			return errors.New("has a line break or another control character")
		}
		*at(s) = Secret(v)
		return nil
	}}
}
