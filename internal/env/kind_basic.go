package env

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

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
	if d == 0 {
		return "0s"
	}
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

// anNginxSizeIn is one between two others.
func anNginxSizeIn(min, max string, at func(*Settings) *string) field {
	k := Kind{Name: "nginx-size", En: "an nginx size in range", Zh: "范围内的 nginx 大小",
		How: fmt.Sprintf("a number with the unit k, m or g, from %s to %s", min, max), HowZh: fmt.Sprintf("带单位 k、m 或 g 的数字，从 %s 到 %s", min, max)}
	form := matching(`[1-9][0-9]{0,8}[kKmMgG]?`)
	return bind(k, func(v string) (string, error) {
		if _, err := form(v); err != nil || NginxBytes(v) < NginxBytes(min) || NginxBytes(v) > NginxBytes(max) {
			return "", errForm
		}
		return v, nil
	}, at)
}

// NginxBytes converts a size as nginx takes it (10m, 512k, 0) to bytes; what is no size is 0.
func NginxBytes(size string) int64 {
	digits := strings.TrimRight(strings.ToLower(size), "kmg")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	return n << map[string]uint{"k": 10, "m": 20, "g": 30}[strings.ToLower(size[len(digits):])]
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
