package env

import (
	"slices"
	"sync"
)

// Key is one setting: what it means, where it goes, what it may be.
type Key struct {
	Name     string
	Group    string // one of Groups
	Default  string // used when no layer has it
	Doc      string // English, whole sentences
	DocZh    string
	Option   bool // from the process environment only, given with one command
	Secret   bool
	Make     bool // a secret that Drydock can make itself
	Optional bool // a secret of Make that prod may do without; see checks
	Active   bool // not commented out in .env.example
	Ambient  bool // also known to other programs, so it stays in the environment of children

	field
	host func(*facts) (value string, from string) // the host's answer; from "" when it has none
}

// Kind is what the key's value has to look like.
func (k Key) Kind() Kind { return k.kind }

// Group is a heading of the manual.
type Group struct{ Name, En, Zh string }

// Groups is the order of the manual.
var Groups = []Group{
	{"project", "Project and entrance", "项目与入口"},
	{"backend", "Backend", "后端"},
	{"frontend", "Frontend", "前端"},
	{"database", "PostgreSQL", "PostgreSQL"},
	{"redis", "Redis", "Redis"},
	{"gateway", "Gateway", "网关"},
	{"logs", "Logs", "日志"},
	{"deploy", "Deploys", "部署"},
	{"backup", "Backups", "备份"},
	{"alarms", "Alarms", "告警"},
	{"image", "Images", "镜像"},
	{"build", "Builds and the network around them", "构建及其网络环境"},
	{"option", "Options of one command", "单次命令的选项"},
}

// Schema is every key, in the order of the manual. A user's own keys
// (BACKEND_ENV_<NAME> and the like) come on top of it.
func Schema() []Key { return slices.Clone(schema()) }

var schema = sync.OnceValue(func() []Key {
	keys := slices.Concat(projectKeys(), backendKeys(), frontendKeys(), databaseKeys(), redisKeys(),
		gatewayKeys(), logKeys(), deployKeys(), swarmKeys(), backupKeys(), alarmKeys(), imageKeys(), buildKeys(), optionKeys())
	return keys
})

// byName is the schema as a map.
var byName = sync.OnceValue(func() map[string]Key {
	m := map[string]Key{}
	for _, k := range schema() {
		m[k.Name] = k
	}
	return m
})
