package backup

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"drydock/internal/backup/logical"
	"drydock/internal/backup/physical"
	"drydock/internal/backup/retain"
	"drydock/internal/backup/schedule"
	"drydock/internal/disk"
	"drydock/internal/env"
	"drydock/internal/run"
)

// Config is what the container's environment says.
type Config struct {
	Project, Env string
	Root         string // BACKUP_DIR: the repository
	ReadOnly     bool   // BACKUP_READ_ONLY: it is mounted so, as for a drill
	Server       logical.Server
	Jobs, Level  int // BACKUP_JOBS, BACKUP_LEVEL
	Policy       retain.Policy
	Zone         *time.Location // BACKUP_ZONE
	Dump, Verify *schedule.Line // BACKUP_DUMP, BACKUP_VERIFY; nil is never
	HostClock    bool           // BACKUP_CLOCK=host: others start what is due
	Webhook      env.Secret     // BACKUP_WEBHOOK_FILE
	Proxy        env.Secret     // WEBHOOK_PROXY_FILE: the way to it; "" is directly
	AlarmAfter   time.Duration  // ALARM_AFTER
	Redis        string         // REDIS_ADDRESS; "" is not asked
	Backend      backendAddress // BACKEND_HOST, BACKEND_PORT, BACKEND_HEALTH_PATH; without a host it is not asked
	Disk         disk.Limit     // DISK_LEFT_PERCENT, DISK_LEFT
	DrillAge     time.Duration  // DRILL_MAX_AGE; 0 is no bound
	ConfigAge    time.Duration  // BACKUP_CONFIG_MAX_AGE; 0 is no bound
	Physical     Physical
	RPO          RPO
	Heartbeat    time.Duration // BACKUP_HEARTBEAT; 0 is none
	Metrics      string        // address on which they are served
}

// metricsAddr is the service's own port, inside its networks.
const metricsAddr = ":9181"

type reader struct {
	getenv   func(string) string
	readFile func(string) ([]byte, error)
	problems []string
}

func (r *reader) complain(name, what string) {
	r.problems = append(r.problems, name+": "+what)
}

func (r *reader) or(name, fallback string) string {
	if v := r.getenv(name); v != "" {
		return v
	}
	return fallback
}

func (r *reader) number(name string, fallback, low, high int) int {
	text := r.or(name, strconv.Itoa(fallback))
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		r.complain(name, fmt.Sprintf("%q is no whole number from %d to %d", text, low, high))
		return fallback
	}
	return n
}

func (r *reader) duration(name, fallback string) time.Duration {
	text := r.or(name, fallback)
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		r.complain(name, fmt.Sprintf("%q is no span of time such as 5s", text))
		return 0
	}
	return d
}

// size is a number of bytes; nothing and 0 are none.
func (r *reader) size(name string) int64 {
	text := r.or(name, "0")
	if text == "0" {
		return 0
	}
	n, err := env.MemoryBytes(text)
	if err != nil {
		r.complain(name, err.Error())
	}
	return n
}

// secret reads the file that NAME_FILE names; an empty NAME_FILE is no secret.
func (r *reader) secret(name string, needed bool) env.Secret {
	path := r.getenv(name + "_FILE")
	if path == "" {
		if needed {
			r.complain(name+"_FILE", "it is not set")
		}
		return ""
	}
	text, err := r.readFile(path)
	if errors.Is(err, os.ErrNotExist) && !needed {
		return ""
	}
	if err != nil {
		r.complain(name+"_FILE", err.Error())
		return ""
	}
	return env.Secret(strings.TrimRight(string(text), "\n"))
}

func (r *reader) line(name, fallback, zone string) *schedule.Line {
	text := r.or(name, fallback)
	if text == "never" {
		return nil
	}
	l, err := schedule.ParseLine(text, zone)
	if err != nil {
		r.complain(name, err.Error())
		return nil
	}
	return &l
}

// FromEnviron reads the container's environment; the error has all problems and
// run.CodeBadInput.
func FromEnviron(getenv func(string) string, readFile func(string) ([]byte, error)) (Config, error) {
	r := &reader{getenv: getenv, readFile: readFile}
	zone := r.or("BACKUP_ZONE", "UTC")
	c := Config{
		Project: r.or("PROJECT", "drydock"), Env: r.or("DRYDOCK_ENV", "dev"), Root: r.or("BACKUP_DIR", "/var/lib/backup"), ReadOnly: r.getenv("BACKUP_READ_ONLY") == "true", Metrics: metricsAddr,
		Server: logical.Server{
			Host: r.or("DB_HOST", "db"), Port: r.number("DB_PORT", 5432, 1, 65535), User: r.or("DB_USER", "app"),
			Database: r.or("DB_NAME", "app"), Password: r.secret("DB_PASSWORD", true), SSLMode: "disable",
		},
		Jobs: r.number("BACKUP_JOBS", 2, 1, 64), Level: r.number("BACKUP_LEVEL", 3, 1, 19),
		Dump: r.line("BACKUP_DUMP", "30 2 * * *", zone), Verify: r.line("BACKUP_VERIFY", "0 4 * * 0", zone),
		HostClock: r.or("BACKUP_CLOCK", env.ClockService) == env.ClockHost,
		Webhook:   r.secret("BACKUP_WEBHOOK", false), Proxy: r.secret("WEBHOOK_PROXY", false),
		AlarmAfter: r.duration("ALARM_AFTER", "5m"), Redis: r.getenv("REDIS_ADDRESS"),
		Backend:  backendAddress{r.getenv("BACKEND_HOST"), r.or("BACKEND_PORT", "8080"), r.or("BACKEND_HEALTH_PATH", "/readyz")},
		Disk:     disk.Limit{Percent: r.number("DISK_LEFT_PERCENT", 10, 0, 90), Bytes: r.size("DISK_LEFT")},
		DrillAge: r.duration("DRILL_MAX_AGE", "0s"), ConfigAge: r.duration("BACKUP_CONFIG_MAX_AGE", "0s"),
		Heartbeat: r.duration("BACKUP_HEARTBEAT", "5s"),
	}
	c.Physical = r.physical(zone)
	c.RPO = r.rpo()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		r.complain("BACKUP_ZONE", fmt.Sprintf("%q is no time zone such as UTC or Europe/Berlin", zone))
		loc = time.UTC
	}
	c.Zone = loc
	c.Policy = retain.Policy{
		Last: r.number("BACKUP_KEEP_LAST", 7, 0, 10000), Hourly: r.number("BACKUP_KEEP_HOURLY", 0, 0, 10000),
		Daily: r.number("BACKUP_KEEP_DAILY", 14, 0, 10000), Weekly: r.number("BACKUP_KEEP_WEEKLY", 8, 0, 10000),
		Monthly: r.number("BACKUP_KEEP_MONTHLY", 12, 0, 10000), Yearly: r.number("BACKUP_KEEP_YEARLY", 3, 0, 10000), Zone: loc,
	}
	c.Policy.MaxBytes = r.size("BACKUP_MAX_SIZE")
	if err := c.Policy.Validate(); err != nil {
		r.complain("BACKUP_KEEP_*", err.Error())
	}
	if len(r.problems) > 0 {
		slices.Sort(r.problems)
		return Config{}, run.WithCode(run.CodeBadInput, fmt.Errorf("reading the settings of the backup service:\n  %s", strings.Join(r.problems, "\n  ")))
	}
	return c, nil
}

// physical reads what the environment says about copies of the files. Which repositories there
// are, the files of /run/secrets say (see physical.Repos).
func (r *reader) physical(zone string) Physical {
	p := Physical{
		Full: r.line("BACKUP_FULL", "0 1 * * 0", zone), Diff: r.line("BACKUP_DIFFERENTIAL", "never", zone), Incr: r.line("BACKUP_INCREMENTAL", "0 1 * * 1-6", zone),
		Chains: r.number("BACKUP_CHAINS", 2, 1, 10000), Alarm: time.Duration(r.number("BACKUP_ARCHIVE_ALARM", 300, 1, 86400)) * time.Second,
		Keep: r.size("BACKUP_ARCHIVE_KEEP"), Version: r.getenv("PG_MAJOR"), Data: physical.DataDir, Shared: physical.SocketDir, Tmp: "/tmp",
	}
	return p
}
