package env

import (
	"net/netip"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // a machine without zones knows them all the same

	"github.com/robfig/cron/v3"
)

var hostForm = regexp.MustCompile(`^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$`)

// aDomainList is host names (RFC 1123, 2.1), in lower case once parsed.
func aDomainList(at func(*Settings) *[]string) field {
	k := Kind{Name: "domains", En: "a list of host names", Zh: "域名列表", How: "such as example.com, www.example.com; empty for any", HowZh: "例如 example.com, www.example.com；空值表示任意", Empty: true}
	return bind(k, func(v string) ([]string, error) {
		list := parts(strings.ToLower(v))
		for _, name := range list {
			if !hostForm.MatchString(name) || len(name) > 253 {
				return nil, errForm
			}
		}
		return list, nil
	}, at)
}

// aNetworkList is addresses and networks (RFC 4632).
func aNetworkList(at func(*Settings) *[]string) field {
	k := Kind{Name: "networks", En: "a list of addresses and networks", Zh: "地址与网段列表", How: "such as 10.0.0.1, 172.16.0.0/12; empty for none", HowZh: "例如 10.0.0.1, 172.16.0.0/12；空值表示没有", Empty: true}
	return bind(k, func(v string) ([]string, error) {
		list := parts(v)
		for _, one := range list {
			if a, err := netip.ParseAddr(one); err == nil && a.Zone() == "" {
				continue
			}
			if _, err := netip.ParsePrefix(one); err != nil {
				return nil, errForm
			}
		}
		return list, nil
	}, at)
}

// anAssetPrefix is a path that ends in a slash, or none.
func anAssetPrefix(at func(*Settings) *string) field {
	k := Kind{Name: "asset-prefix", En: "a path prefix", Zh: "路径前缀", How: "a path with / at both ends, such as /assets/; none for a frontend without such files", HowZh: "以 / 开头和结尾的路径，例如 /assets/；没有此类文件的前端写 none"}
	return bind(k, matching(`none|/(?:[A-Za-z0-9._~-]+/)+`), at)
}

// parts takes a list apart at its commas.
func parts(v string) (list []string) {
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// aCron is a line of cron's, or never. What it means is looked at in aZone's zone by the
// service itself; here only its form is.
func aCron(at func(*Settings) *string) field {
	k := Kind{Name: "cron", En: "a cron line", Zh: "cron 表达式", How: "five fields such as 30 2 * * * (crontab(5)), or never", HowZh: "五个字段，例如 30 2 * * *（crontab(5)），或 never"}
	return bind(k, func(v string) (string, error) {
		if v == "never" {
			return v, nil
		}
		if _, err := cron.ParseStandard(v); err != nil || strings.HasPrefix(v, "@") || strings.Contains(v, "TZ=") {
			return "", errForm
		}
		return v, nil
	}, at)
}

// aZone is a time zone of the IANA database.
func aZone(at func(*Settings) *string) field {
	k := Kind{Name: "zone", En: "a time zone", Zh: "时区", How: "a name such as UTC or Europe/Berlin", HowZh: "例如 UTC 或 Asia/Shanghai"}
	return bind(k, func(v string) (string, error) {
		if _, err := time.LoadLocation(v); err != nil || v == "" || v == "Local" {
			return "", errForm
		}
		return v, nil
	}, at)
}
