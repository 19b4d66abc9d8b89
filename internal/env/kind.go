package env

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

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

func aName(max int, at func(*Settings) *string) field {
	k := Kind{Name: "name", En: "a name", Zh: "名称",
		How:   fmt.Sprintf("a-z, 0-9, - and _, starting with a letter or digit, at most %d characters", max),
		HowZh: fmt.Sprintf("小写字母、数字、- 和 _，以字母或数字开头，最多 %d 个字符", max)}
	return bind(k, matching(fmt.Sprintf(`[a-z0-9][a-z0-9_-]{0,%d}`, max-1)), at)
}

// aDatabaseName takes what PostgreSQL takes (63 bytes: NAMEDATALEN - 1); names
// that need quoting in SQL are welcome.
func aDatabaseName(at func(*Settings) *string) field {
	k := Kind{Name: "database-name", En: "a PostgreSQL name", Zh: "PostgreSQL 标识符",
		How: "1 to 63 bytes without control characters; not template0, template1 or pg_...", HowZh: "1 到 63 字节，不含控制字符；不能是 template0、template1 或以 pg_ 开头"}
	return bind(k, func(v string) (string, error) {
		if v == "" || len(v) > 63 || hasControl(v) || v == "template0" || v == "template1" || strings.HasPrefix(v, "pg_") {
			return "", errForm
		}
		return v, nil
	}, at)
}

func hasControl(v string) bool {
	return strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func anInt(min, max int, at func(*Settings) *int) field {
	k := Kind{Name: "int", En: "a whole number in range", Zh: "范围内的整数",
		How: fmt.Sprintf("a whole number from %d to %d", min, max), HowZh: fmt.Sprintf("%d 到 %d 的整数", min, max)}
	return bind(k, intParser(min, max), at)
}

func aPort(at func(*Settings) *int) field {
	k := Kind{Name: "port", En: "a port", Zh: "端口", How: "a whole number from 1 to 65535", HowZh: "1 到 65535 的整数"}
	return bind(k, intParser(1, 65535), at)
}

func intParser(min, max int) func(string) (int, error) {
	return func(v string) (int, error) {
		n, err := strconv.Atoi(v)
		// 010 is eight for some readers and ten for others, +1 a text for some.
		if err != nil || n < min || n > max || strconv.Itoa(n) != v {
			return 0, errForm
		}
		return n, nil
	}
}

func aBool(at func(*Settings) *bool) field {
	k := Kind{Name: "bool", En: "a yes or no", Zh: "是或否", How: "true, false, yes, no, on, off, 1 or 0", HowZh: "true、false、yes、no、on、off、1 或 0"}
	return bind(k, parseBool, at)
}

func parseBool(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "1", "true", "yes", "on":
		return true, nil
	case "0", "false", "no", "off":
		return false, nil
	}
	return false, errForm
}

func aDuration(min, max time.Duration, at func(*Settings) *time.Duration) field {
	k := Kind{Name: "duration", En: "a duration in range", Zh: "范围内的时长",
		How: fmt.Sprintf("a number with a unit, such as 30s or 1m30s, from %s to %s", short(min), short(max)), HowZh: fmt.Sprintf("带单位的数字，例如 30s 或 1m30s，从 %s 到 %s", short(min), short(max))}
	return bind(k, func(v string) (time.Duration, error) {
		d, err := time.ParseDuration(v)
		if err != nil || d < min || d > max {
			return 0, errForm
		}
		return d, nil
	}, at)
}

func short(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

// aMemory is a size as compose's `memory` takes it.
func aMemory(at func(*Settings) *string) field {
	k := Kind{Name: "memory", En: "a memory size", Zh: "内存大小",
		How: "a number with the unit k, m or g, at least 6m (Docker's least)", HowZh: "带单位 k、m 或 g 的数字，至少 6m（Docker 的下限）"}
	return bind(k, func(v string) (string, error) {
		n, err := MemoryBytes(v)
		if err != nil || n < 6<<20 {
			return "", errForm
		}
		return v, nil
	}, at)
}

var memoryForm = regexp.MustCompile(`^([0-9]{1,10})([kmgKMG])[bB]?$`)

// MemoryBytes converts a size as the settings have it (256m, 2g) to bytes.
func MemoryBytes(size string) (int64, error) {
	m := memoryForm.FindStringSubmatch(size)
	if m == nil {
		return 0, fmt.Errorf("reading the memory size %q: it is no number with the unit k, m or g; write 256m", size)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the memory size %q: %w", size, err)
	}
	return n << map[string]uint{"k": 10, "m": 20, "g": 30}[strings.ToLower(m[2])], nil
}

// anNginxSize is a size as nginx takes it (nginx.org/en/docs/syntax.html).
func anNginxSize(at func(*Settings) *string) field {
	k := Kind{Name: "nginx-size", En: "an nginx size", Zh: "nginx 大小", How: "a number with the unit k, m or g; 0 for no limit", HowZh: "带单位 k、m 或 g 的数字；0 表示不限制"}
	return bind(k, matching(`0|[1-9][0-9]{0,8}[kKmMgG]?`), at)
}

// aLogSize is a size as Docker's json-file driver takes it (option max-size).
func aLogSize(at func(*Settings) *string) field {
	k := Kind{Name: "log-size", En: "a log size", Zh: "日志大小", How: "a number with the unit k, m or g", HowZh: "带单位 k、m 或 g 的数字"}
	return bind(k, matching(`[1-9][0-9]{0,8}[kmg]`), at)
}

// aPath is a path relative to the root, or absolute. Whether it exists is checked
// where that matters (see checks.go).
func aPath(at func(*Settings) *string) field {
	k := Kind{Name: "path", En: "a path", Zh: "路径", How: "relative to the root of the checkout, or absolute", HowZh: "相对于仓库根目录的路径，或绝对路径"}
	return bind(k, func(v string) (string, error) {
		if v == "" || hasControl(v) {
			return "", errForm
		}
		return v, nil
	}, at)
}

// aFile is the path of a file that exists; empty for none.
func aFile(at func(*Settings) *string) field {
	k := Kind{Name: "file", En: "a file", Zh: "文件", How: "relative to the root of the checkout, or absolute; it must exist; empty for none", HowZh: "相对于仓库根目录的路径或绝对路径；文件必须存在；空值表示没有", Empty: true}
	return field{k, func(s *Settings, v string) error {
		if v == "" {
			return nil
		}
		full := s.Path(v)
		info, err := os.Stat(full)
		switch {
		case err != nil:
			return fmt.Errorf("cannot be read (%w)", bare(err))
		case info.IsDir():
			return errors.New("is a folder, not a file")
		}
		*at(s) = full
		return nil
	}}
}

// bare takes the path off an error: it is shown next to it already.
func bare(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Path makes a path of the settings absolute.
func (s *Settings) Path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(s.Root, p)
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
	return bind(k, func(v string) ([]string, error) {
		var list []string
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list, nil
	}, at)
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
		if err != nil || !reference.IsNameOnly(ref) {
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
