package env

import (
	"fmt"
	"net/url"
	"time"

	"golang.org/x/net/http/httpproxy"

	"drydock/internal/disk"
)

// Alarms is when somebody is told of what is wrong. The way there is in Build, with the other
// proxies.
type Alarms struct {
	After     time.Duration // ALARM_AFTER: how long a service may be not healthy
	Disk      disk.Limit    // DISK_LEFT_PERCENT, DISK_LEFT
	DrillAge  time.Duration // DRILL_MAX_AGE; 0 is no bound
	ConfigAge time.Duration // BACKUP_CONFIG_MAX_AGE; 0 is no bound
}

// Who starts the backups.
const (
	ClockService = "service"
	ClockHost    = "host"
)

func alarmKeys() []Key {
	a := func(s *Settings) *Alarms { return &s.Alarms }
	return []Key{
		{Name: "ALARM_AFTER", Group: "alarms", Default: "5m", Active: true, field: aDuration(0, 24*time.Hour, func(s *Settings) *time.Duration { return &a(s).After }),
			Doc:   "How long a service may be unhealthy, starting or gone until `alarm:check` tells BACKUP_WEBHOOK. It has to be longer than a start and a deploy's gate take.",
			DocZh: "服务处于不健康、启动中或缺失状态多久之后，`alarm:check` 通知 BACKUP_WEBHOOK。须大于一次启动以及部署健康检查所需的时间。"},
		{Name: "DISK_LEFT_PERCENT", Group: "alarms", Default: "10", Active: true, field: anInt(0, 90, func(s *Settings) *int { return &a(s).Disk.Percent }),
			Doc:   "Per cent of each disk that have to be left: with Docker's data, the database, the backups. With less, the backup service tells BACKUP_WEBHOOK. 0 does not look at it.",
			DocZh: "每块磁盘（Docker 数据、数据库、备份所在）必须剩余的百分比。低于此值时备份服务通知 BACKUP_WEBHOOK。0 表示不检查。"},
		{Name: "DISK_LEFT", Group: "alarms", Default: "5g", Active: true, field: aDiskSize(func(s *Settings) *int64 { return &a(s).Disk.Bytes }),
			Doc:   "The same as a size. What is reached first counts.",
			DocZh: "同上，以大小表示。两者先达到的生效。"},
		{Name: "DRILL_MAX_AGE", Group: "alarms", Default: "0s", Active: true, field: aDuration(0, 400*24*time.Hour, func(s *Settings) *time.Duration { return &a(s).DrillAge }),
			Doc:   "How old the newest restore drill that passed may be, until the backup service tells BACKUP_WEBHOOK: 192h is a week and a day. 0s does not look at it.",
			DocZh: "最近一次通过的恢复演练允许的最长时间，超过则备份服务通知 BACKUP_WEBHOOK：192h 为一周零一天。0s 表示不检查。"},
		{Name: "BACKUP_CONFIG_MAX_AGE", Group: "alarms", Default: "0s", Active: true, field: aDuration(0, 400*24*time.Hour, func(s *Settings) *time.Duration { return &a(s).ConfigAge }),
			Doc:   "The same for the newest backup of the configuration: 30h for one every night.",
			DocZh: "同上，针对最新的配置备份：每晚一次时为 30h。"},
		{Name: "WEBHOOK_PROXY", Group: "alarms", field: aWebhookProxy(),
			Doc:   "Proxy through which BACKUP_WEBHOOK and DEPLOY_WEBHOOK are reached. The backup service has to reach it from its container, so 127.0.0.1 is not it. Empty takes HTTPS_PROXY or HTTP_PROXY, the backup service only one that is not on this machine's loopback. NO_PROXY counts for all of them; none asks directly.",
			DocZh: "访问 BACKUP_WEBHOOK 和 DEPLOY_WEBHOOK 所经的代理。备份服务须能从其容器内访问该代理，因此不能是 127.0.0.1。空值取 HTTPS_PROXY 或 HTTP_PROXY，其中备份服务只取不在本机回环地址上的代理。NO_PROXY 对它们都有效；none 表示直接访问。"},
	}
}

// aDiskSize is a size, or 0 for none.
func aDiskSize(at func(*Settings) *int64) field {
	k := Kind{Name: "disk-size", En: "a size", Zh: "大小", How: "a number with the unit k, m or g; 0 for none", HowZh: "带单位 k、m 或 g 的数字；0 表示没有"}
	return bind(k, func(v string) (int64, error) {
		if v == "0" {
			return 0, nil
		}
		n, err := MemoryBytes(v)
		if err != nil {
			return 0, errForm
		}
		return n, nil
	}, at)
}

// noProxy asks directly.
const noProxy = "none"

// aWebhookProxy is a proxy, or none.
func aWebhookProxy() field {
	f := aProxy(func(s *Settings) *string { return &s.Build.WebhookProxy })
	k, set := f.kind, f.store
	k.How, k.HowZh = k.How+"; none asks directly", k.HowZh+"；none 表示直接访问"
	return field{k, func(s *Settings, v string) error {
		if v == noProxy {
			s.Build.WebhookProxy = noProxy
			return nil
		}
		return set(s, v)
	}}
}

// WebhookProxy is the proxy on the way to a webhook, as WEBHOOK_PROXY, HTTPS_PROXY, HTTP_PROXY
// and NO_PROXY say (net/http's meaning of them); nil asks directly.
func (s *Settings) WebhookProxy(webhook Secret) (*url.URL, error) {
	if webhook == "" || s.Build.WebhookProxy == noProxy {
		return nil, nil
	}
	c := httpproxy.Config{HTTPProxy: s.Build.HTTPProxy, HTTPSProxy: s.Build.HTTPSProxy, NoProxy: s.Build.NoProxy}
	if s.Build.WebhookProxy != "" {
		c.HTTPProxy, c.HTTPSProxy = s.Build.WebhookProxy, s.Build.WebhookProxy
	}
	to, err := url.Parse(webhook.Reveal())
	if err != nil {
		return nil, nil // it is told that it is no address where it is used
	}
	proxy, err := c.ProxyFunc()(to)
	if err != nil {
		return nil, fmt.Errorf("finding the proxy to the webhook: %w", err)
	}
	return proxy, nil
}
