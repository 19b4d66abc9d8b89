package stack

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// baseOf is what a deploy sees when the shared services run as they shall, but for a change.
func baseOf(rpo string, change func(set *env.Settings, have map[string]found)) base {
	set := &env.Settings{Project: "shop", Env: "prod", HTTP: env.HTTP{Bind: "127.0.0.1", Port: 8080, TLSPort: 8443}}
	set.Gateway.TLS = "local"
	set.Backup.RPO.Goal = rpo
	v := compose.Values{Refs: compose.Refs{DB: "db:1", Redis: "redis:1", Gateway: "gateway:1", Backup: "backup:1"}}
	have := map[string]found{}
	for name, image := range map[string]string{"db": "db:1", "redis": "redis:1", "gateway": "gateway:1", "backup": "backup:1"} {
		have[name] = found{Container: engine.Container{Image: image, Env: []string{"RPO=" + rpo}}}
	}
	gateway := have["gateway"]
	gateway.Env = []string{"BACKEND_PORT=8080", "BACKEND_HEALTH_PATH=/readyz", "RATE_LIMIT=0", "PATH=/bin"}
	gateway.Ports = []engine.Port{{Container: 8080, Host: 8080, HostIP: "127.0.0.1"}, {Container: 8443, Host: 8443, HostIP: "127.0.0.1"}, {Container: 9180}}
	have["gateway"] = gateway
	backup := have["backup"]
	backup.Env = append(backup.Env, "BACKUP_DUMP=daily")
	have["backup"] = backup
	want := map[string]resolved{
		"gateway": {Environment: map[string]string{"BACKEND_PORT": "8080", "BACKEND_HEALTH_PATH": "/readyz", "RATE_LIMIT": "0"}},
		"backup":  {Environment: map[string]string{"BACKUP_DUMP": "daily"}},
		"redis":   {Memory: 64 << 20},
	}
	redis := have["redis"]
	redis.Memory = 64 << 20
	have["redis"] = redis
	if set.NoLoss() {
		have["guard"] = found{Container: engine.Container{Image: "backup:1"}}
	}
	change(set, have)
	return compareBase(set, v, want, have)
}

// A release must not wait for what up has to do, unless it could not work without.
func TestWhatADeployMakesOfTheSharedServices(t *testing.T) {
	other := func(name string, settings ...string) func(*env.Settings, map[string]found) {
		return func(_ *env.Settings, have map[string]found) {
			f := have[name]
			f.other, f.changed = true, settings
			have[name] = f
		}
	}
	variable := func(name, key, value string) func(*env.Settings, map[string]found) {
		return func(_ *env.Settings, have map[string]found) {
			f := have[name]
			f.Env = slices.DeleteFunc(slices.Clone(f.Env), func(kv string) bool { return strings.HasPrefix(kv, key+"=") })
			f.Env = append(f.Env, key+"="+value)
			have[name] = f
		}
	}
	published := func(change func(*env.Settings)) func(*env.Settings, map[string]found) {
		return func(set *env.Settings, _ map[string]found) { change(set) }
	}
	without := func(names ...string) func(*env.Settings, map[string]found) {
		return func(_ *env.Settings, have map[string]found) {
			for _, n := range names {
				delete(have, n)
			}
		}
	}
	both := func(first, second func(*env.Settings, map[string]found)) func(*env.Settings, map[string]found) {
		return func(set *env.Settings, have map[string]found) { first(set, have); second(set, have) }
	}
	for name, c := range map[string]struct {
		rpo     string
		change  func(*env.Settings, map[string]found)
		missing []string
		drift   []Drift
		locked  []string
		apart   []Apart
	}{
		"a setting of the gateway": {change: variable("gateway", "RATE_LIMIT", "7"), drift: []Drift{{"gateway", "has another RATE_LIMIT than the settings"}}},
		"one of the image's alone": {change: variable("gateway", "PATH", "/sbin")},
		"how it asks the apps":     {change: variable("gateway", "BACKEND_PORT", "9000"), apart: []Apart{{"BACKEND_PORT", "9000", "8080"}}},
		"and what it asks them":    {change: variable("gateway", "BACKEND_HEALTH_PATH", "/up"), apart: []Apart{{"BACKEND_HEALTH_PATH", "/up", "/readyz"}}},
		"a setting of the backups": {change: variable("backup", "BACKUP_DUMP", "never"), drift: []Drift{{"backup", "has another BACKUP_DUMP than the settings"}}},
		"with another secret":      {change: both(variable("backup", "BACKUP_DUMP", "never"), other("backup", "BACKUP_WEBHOOK")), drift: []Drift{{"backup", "has another BACKUP_DUMP, BACKUP_WEBHOOK than the settings"}}},
		"another limit": {change: func(_ *env.Settings, have map[string]found) {
			f := have["redis"]
			f.Memory = 32 << 20
			have["redis"] = f
		}, drift: []Drift{{"redis", "has another REDIS_MEMORY than the settings"}}},
		"another port":               {change: published(func(s *env.Settings) { s.HTTP.Port = 8000 }), drift: []Drift{{"gateway", "has another HTTP_PORT than the settings"}}},
		"another port of TLS":        {change: published(func(s *env.Settings) { s.HTTP.TLSPort = 8000 }), drift: []Drift{{"gateway", "has another HTTPS_PORT than the settings"}}},
		"another address":            {change: published(func(s *env.Settings) { s.HTTP.Bind = "0.0.0.0" }), drift: []Drift{{"gateway", "has another HTTP_BIND than the settings"}}},
		"no port of TLS any more":    {change: published(func(s *env.Settings) { s.Gateway.TLS = "off" }), drift: []Drift{{"gateway", "has another TLS than the settings"}}},
		"the database's port in dev": {change: published(func(s *env.Settings) { s.Mode, s.Database.Port, s.Redis.Port = env.Dev, 15432, 16379 }), drift: []Drift{{"db", "has another DB_PORT than the settings"}, {"redis", "has another REDIS_PORT than the settings"}}},
		"all as it shall be":         {change: without()},
		"with a guard":               {rpo: env.RPOZero, change: without()},
		"the guard is gone":          {rpo: env.RPOZero, change: without("guard"), missing: []string{"guard"}},
		"both are gone":              {rpo: env.RPOZero, change: without("guard", "backup"), missing: []string{"backup", "guard"}},
		"nothing runs":               {rpo: env.RPOZero, change: without("guard", "backup", "db", "redis", "gateway"), missing: []string{"db", "redis", "gateway", "backup", "guard"}},
		"another webhook":            {change: other("backup", "BACKUP_WEBHOOK"), drift: []Drift{{"backup", "has another BACKUP_WEBHOOK than the settings"}}},
		"another key, too":           {change: other("backup", "BACKUP_KEY", "BACKUP_S3_SECRET_KEY"), drift: []Drift{{"backup", "has another BACKUP_KEY, BACKUP_S3_SECRET_KEY than the settings"}}},
		"the database's key":         {change: other("db", "BACKUP_KEY"), drift: []Drift{{"db", "has another BACKUP_KEY than the settings"}}},
		"the database's":             {change: other("db", "DB_PASSWORD"), locked: []string{"db"}},
		"that and a key":             {change: other("db", "BACKUP_KEY", "DB_PASSWORD"), locked: []string{"db"}, drift: []Drift{{"db", "has another BACKUP_KEY than the settings"}}},
		"that of Redis":              {change: other("redis", "REDIS_PASSWORD"), locked: []string{"redis"}},
		"the service's alone":        {change: other("backup", "DB_PASSWORD"), drift: []Drift{{"backup", "has another DB_PASSWORD than the settings"}}},
		"another certificate":        {change: other("gateway"), drift: []Drift{{"gateway", "has another certificate than the settings name"}}},
		"the same elsewhere":         {change: other("redis"), drift: []Drift{{"redis", "has its secrets as an earlier version put them there"}}},
		"the guard's webhook":        {rpo: env.RPOZero, change: other("guard", "BACKUP_WEBHOOK"), drift: []Drift{{"guard", "has another BACKUP_WEBHOOK than the settings"}}},
		"RPO=zero was given up":      {change: func(_ *env.Settings, have map[string]found) { have["guard"] = found{} }, drift: []Drift{{"guard", "runs, and the settings are without RPO=zero"}}},
		"another image": {change: func(_ *env.Settings, have map[string]found) {
			f := have["redis"]
			f.Image = "redis:0"
			have["redis"] = f
		}, drift: []Drift{{"redis", "runs redis:0; the checkout's is redis:1"}}},
		"RPO=zero is yet to come": {change: func(set *env.Settings, _ map[string]found) { set.Backup.RPO.Goal = env.RPOZero }, drift: []Drift{{"guard", "does not run: the backup service was started without RPO=zero"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := baseOf(c.rpo, c.change)
			if c.drift == nil {
				c.drift = []Drift{}
			}
			assert.Equal(t, base{missing: c.missing, drift: c.drift, locked: c.locked, apart: c.apart}, got)
		})
	}
	for name, interrupts := range map[string]bool{"db": true, "gateway": true, "backup": false, "guard": false} {
		assert.Equal(t, interrupts, Drift{Service: name}.Interrupts(), name)
	}
}

// A variable's name is what a person sets, and compose prints each $ twice.
func TestVariablesAreNamedAfterTheirSettings(t *testing.T) {
	all, err := readResolved([]byte(`{"services":{"db":{"environment":{"POSTGRES_DB":"a$$b","ARCHIVE":"on","NONE":null},"mem_limit":"1048576"},"redis":{"mem_limit":7}}}`))
	require.NoError(t, err)
	want := map[string]string{"POSTGRES_DB": "a$b", "ARCHIVE": "on"}
	assert.Equal(t, map[string]resolved{"db": {Environment: want, Memory: 1 << 20}, "redis": {Environment: map[string]string{}, Memory: 7}}, all)
	assert.Empty(t, otherVariables([]string{"POSTGRES_DB=a$b", "ARCHIVE=on", "PATH=/bin"}, want))
	assert.Equal(t, []string{"BACKUP_PHYSICAL"}, otherVariables([]string{"POSTGRES_DB=a$b", "ARCHIVE=off"}, want))
	assert.Equal(t, []string{"DB_NAME"}, otherVariables([]string{"ARCHIVE=on"}, want))
	_, err = readResolved([]byte("services:"))
	assert.Error(t, err)
}

func TestARefusalSaysWhichPassword(t *testing.T) {
	err := (&Stack{Settings: &env.Settings{Project: "shop", Env: "prod"}}).lockedOut([]string{"db", "redis"})
	assert.EqualError(t, err, "the password of db is not the one that it runs with: DB_PASSWORD has changed; "+
		"the password of redis is not the one that it runs with: REDIS_PASSWORD has changed; the new release could not get in: "+
		"change it first, which interrupts the site for a moment: ENV=prod go tool mage up")
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}

func TestChangedSettingsAreNamed(t *testing.T) {
	set := &env.Settings{}
	set.Database.Password, set.Database.User = "old-db", "app"
	set.Backup.Webhook, set.Backup.Level, set.Backup.Jobs = "https://old", 3, 1
	set.Backup.Physical = env.Physical{On: true, Encrypt: env.EncryptAll, Key: "old-key", S3: env.S3{Endpoint: "s3", Bucket: "b", Path: "/p", AccessKey: "old-access", SecretKey: "old-secret"}}
	files := func(service string, change func(*env.Settings)) map[string]string {
		now := *set
		change(&now)
		for _, s := range secretSets(&now, identity{}, identity{}, nil, "") {
			if s.Service == service {
				return s.Files
			}
		}
		return nil
	}
	same := func(*env.Settings) {}
	for name, c := range map[string]struct {
		service string
		change  func(*env.Settings)
		want    []string
	}{
		"nothing":            {"backup", same, nil},
		"the webhook":        {"backup", func(s *env.Settings) { s.Backup.Webhook = "https://new" }, []string{"BACKUP_WEBHOOK"}},
		"the key":            {"backup", func(s *env.Settings) { s.Backup.Physical.Key = "new-key" }, []string{"BACKUP_KEY"}},
		"the key, at the db": {"db", func(s *env.Settings) { s.Backup.Physical.Key = "new-key" }, []string{"BACKUP_KEY"}},
		"the storage's keys": {"backup", func(s *env.Settings) { s.Backup.Physical.S3.AccessKey, s.Backup.Physical.S3.SecretKey = "a", "b" }, []string{"BACKUP_S3_ACCESS_KEY", "BACKUP_S3_SECRET_KEY"}},
		"no encryption":      {"db", func(s *env.Settings) { s.Backup.Physical.Encrypt = env.EncryptOff }, []string{"BACKUP_ENCRYPT"}},
		"no storage":         {"backup", func(s *env.Settings) { s.Backup.Physical.S3.Endpoint = "" }, []string{"BACKUP_S3_ENDPOINT"}},
		"no physical ones":   {"db", func(s *env.Settings) { s.Backup.Physical.On = false }, []string{"BACKUP_PHYSICAL"}},
		"how it is packed":   {"backup", func(s *env.Settings) { s.Backup.Level, s.Backup.Jobs = 4, 2 }, []string{"BACKUP_JOBS", "BACKUP_LEVEL"}},
		"two":                {"backup", func(s *env.Settings) { s.Database.Password, s.Backup.Webhook = "n", "" }, []string{"BACKUP_WEBHOOK", "DB_PASSWORD"}},
		"Redis":              {"redis", func(s *env.Settings) { s.Redis.Password = "new" }, []string{"REDIS_PASSWORD"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, changedSettings(files(c.service, same), files(c.service, c.change)))
		})
	}
	assert.Equal(t, []string{"DB_PASSWORD", "own"}, changedSettings(map[string]string{"own": "x"}, map[string]string{"db_password": "y"}))
}
