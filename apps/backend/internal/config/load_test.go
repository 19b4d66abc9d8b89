package config

import (
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// source makes a Source of a map; files are part of it as "file:PATH".
func source(values map[string]string) Source {
	return Source{
		Lookup: func(name string) (string, bool) { v, ok := values[name]; return v, ok },
		ReadFile: func(path string) ([]byte, error) {
			if v, ok := values["file:"+path]; ok {
				return []byte(v), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
	}
}

// enough is the least that Load accepts.
func enough(more ...string) map[string]string {
	m := map[string]string{"DB_NAME": "n", "DB_USER": "u", "DB_PASSWORD": "p"}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func TestLoadDefaults(t *testing.T) {
	c, err := Load(source(enough()))
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 8080 || c.Dev || c.LogLevel != slog.LevelInfo || c.Version != UnknownVersion {
		t.Errorf("got port %d, dev %v, level %v, version %q", c.Port, c.Dev, c.LogLevel, c.Version)
	}
	if c.Database.Host != "db" || c.Database.Port != 5432 || c.Redis.Addr != "redis:6379" {
		t.Errorf("got %s:%d and %s", c.Database.Host, c.Database.Port, c.Redis.Addr)
	}
	if c.ShutdownDelay != 2*time.Second || c.ShutdownTimeout != 20*time.Second || c.MaxDelay != 0 {
		t.Errorf("got %v, %v, %v", c.ShutdownDelay, c.ShutdownTimeout, c.MaxDelay)
	}
	if !c.Redis.ContextTimeoutEnabled {
		t.Error("the Redis client would ignore deadlines")
	}
}

// The gateway's 504 must not come first: the work would go on for nobody.
func TestRequestsEndBeforeTheGatewayGivesUp(t *testing.T) {
	for given, want := range map[string]time.Duration{
		"": 10 * time.Second, "1s": 900 * time.Millisecond, "5s": 4500 * time.Millisecond, "60s": 10 * time.Second, "86400s": 10 * time.Second,
	} {
		c, err := Load(source(enough("BACKEND_TIMEOUT", given)))
		if err != nil || c.RequestTimeout != want {
			t.Errorf("BACKEND_TIMEOUT=%s: got %v, want %v (%v)", given, c.RequestTimeout, want, err)
		}
	}
	for _, given := range []string{"5", "0s", "999ms", "25h", "never"} {
		if _, err := Load(source(enough("BACKEND_TIMEOUT", given))); err == nil || !strings.Contains(err.Error(), "BACKEND_TIMEOUT: ") {
			t.Errorf("BACKEND_TIMEOUT=%s: got %v", given, err)
		}
	}
}

// Kinds of passwords that broke such systems: docker/compose 9661, coollabsio/coolify 1821, kobo-install 102.
var hardPasswords = []string{
	`pass__$85858#'x`, `p@ss:w/ord?`, `100%`, `%41`, `a b `, ` lead`, `"quoted"`, `back\slash`, `tab	x`,
	`ümläut-密码`, `a+b&c=d`, `[::1]`, "two\nlines", `host=evil sslmode=disable`,
}

func TestPasswordsArriveByteForByte(t *testing.T) {
	for _, password := range hardPasswords {
		for name, values := range map[string]map[string]string{
			"plain":                {"DB_NAME": "n/m?", "DB_USER": "u@x", "DB_PASSWORD": password, "REDIS_PASSWORD": password},
			"file":                 {"DB_NAME": "n/m?", "DB_USER": "u@x", "DB_PASSWORD_FILE": "/s", "REDIS_PASSWORD_FILE": "/s", "file:/s": password},
			"file with line break": {"DB_NAME": "n/m?", "DB_USER": "u@x", "DB_PASSWORD_FILE": "/s", "REDIS_PASSWORD_FILE": "/s", "file:/s": password + "\n"},
			"file from Windows":    {"DB_NAME": "n/m?", "DB_USER": "u@x", "DB_PASSWORD_FILE": "/s", "REDIS_PASSWORD_FILE": "/s", "file:/s": password + "\r\n"},
		} {
			c, err := Load(source(values))
			if err != nil {
				t.Errorf("%s %q: %v", name, password, err)
				continue
			}
			if c.Database.Password != password || c.Redis.Password != password {
				t.Errorf("%s %q: got %q and %q", name, password, c.Database.Password, c.Redis.Password)
			}
			if c.Database.User != "u@x" || c.Database.Database != "n/m?" {
				t.Errorf("%s: got user %q, database %q", name, c.Database.User, c.Database.Database)
			}
		}
	}
}

func TestURLsWinOverParts(t *testing.T) {
	c, err := Load(source(map[string]string{
		"DB_PASSWORD_FILE": "/missing", "DATABASE_URL_FILE": "/d", "REDIS_URL_FILE": "/r", "REDIS_HOST": "other",
		"file:/d": "postgres://u:p%25w@h:1/n\n", "file:/r": "redis://:p%25w@k:2/3\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Database; d.Host != "h" || d.Port != 1 || d.User != "u" || d.Password != "p%w" || d.Database != "n" {
		t.Errorf("got %s@%s:%d/%s", d.User, d.Host, d.Port, d.Database)
	}
	if r := c.Redis; r.Addr != "k:2" || r.Password != "p%w" || r.DB != 3 {
		t.Errorf("got %s/%d", r.Addr, r.DB)
	}
}

func TestLoadReportsEveryProblem(t *testing.T) {
	for name, test := range map[string]struct {
		values map[string]string
		want   []string // each begins one problem, in this order
	}{
		"nothing set":   {map[string]string{}, []string{"DB_NAME: is not set", "DB_USER: is not set", "DB_PASSWORD: is not set"}},
		"missing file":  {map[string]string{"DATABASE_URL_FILE": "/no"}, []string{"DATABASE_URL_FILE: reading /no: file does not exist; check"}},
		"empty file":    {map[string]string{"DATABASE_URL_FILE": "/e", "file:/e": "\n"}, []string{"DATABASE_URL_FILE: /e is empty"}},
		"not a URL":     {map[string]string{"DATABASE_URL": "host=x password=CANARY"}, []string{"DATABASE_URL: does not start with postgres://"}},
		"broken URL":    {map[string]string{"DATABASE_URL": "postgres://u:CANARY%zz@h/n"}, []string{"DATABASE_URL: not usable"}},
		"broken port":   {map[string]string{"DATABASE_URL": "postgres://u:CANARY@h:port/n"}, []string{"DATABASE_URL: not usable"}},
		"broken Redis":  {enough("REDIS_URL", "http://:CANARY@x"), []string{"REDIS_URL: not usable"}},
		"broken Redis2": {enough("REDIS_URL", "redis://:CANARY%zz@x"), []string{"REDIS_URL: not usable"}},
		"all at once": {
			enough("PORT", "0", "APP_ENV", "test", "LOG_LEVEL", "loud", "DB_PORT", "x", "DB_SSLMODE", "no", "SHUTDOWN_DELAY", "5",
				"MAX_DELAY", "1h", "HEALTH_PATH", "readyz"),
			[]string{
				`PORT: "0" is not a whole number from 1 to 65535`, `APP_ENV: "test" is not one of dev, prod`,
				`LOG_LEVEL: "loud" is not one of`, `DB_PORT: "x"`, `DB_SSLMODE: "no" is not one of`,
				`SHUTDOWN_DELAY: "5" is not a duration`, `MAX_DELAY: "1h" is not a duration from 0s to 20s`,
				`HEALTH_PATH: "readyz" is not an absolute path`,
			},
		},
	} {
		_, err := Load(source(test.values))
		var problems Problems
		if !errors.As(err, &problems) {
			t.Errorf("%s: got %v, want Problems", name, err)
			continue
		}
		if strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: the secret is in the error: %v", name, err)
		}
		if len(problems) != len(test.want) {
			t.Errorf("%s: got %d problems, want %d:\n%v", name, len(problems), len(test.want), err)
			continue
		}
		for i, want := range test.want {
			if !strings.HasPrefix(problems[i], want) {
				t.Errorf("%s: got %q, want %q...", name, problems[i], want)
			}
		}
	}
}

func TestEmptyMeansAbsent(t *testing.T) {
	c, err := Load(source(enough("PORT", "", "DATABASE_URL_FILE", "", "REDIS_URL", "")))
	if err != nil || c.Port != 8080 {
		t.Errorf("got %v", err)
	}
}

func TestLogValueHoldsNoSecret(t *testing.T) {
	c, err := Load(source(enough("DB_PASSWORD", "CANARY1", "REDIS_PASSWORD", "CANARY2")))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("config", "config", c)
	if strings.Contains(b.String(), "CANARY") {
		t.Error(b.String())
	}
}

// FuzzPassword: any password, given plain or in a file, reaches both drivers as it is, or is refused with its name.
func FuzzPassword(f *testing.F) {
	for _, p := range hardPasswords {
		f.Add(p)
	}
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, password string) {
		want := strings.TrimSuffix(strings.TrimSuffix(password, "\n"), "\r")
		values := enough("DB_PASSWORD_FILE", "/p", "REDIS_PASSWORD_FILE", "/p", "file:/p", password)
		c, err := Load(source(values))
		if want == "" || strings.Contains(want, "\x00") {
			if err == nil || !strings.Contains(err.Error(), "DB_PASSWORD_FILE: /p ") {
				t.Fatalf("%q: got %v", password, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", password, err)
		}
		if c.Database.Password != want || c.Redis.Password != want {
			t.Fatalf("%q: got %q and %q", password, c.Database.Password, c.Redis.Password)
		}
	})
}

// FuzzURL: whatever a URL looks like, the error does not repeat it.
func FuzzURL(f *testing.F) {
	f.Add("postgres://u:CANARY@h/n?sslmode=bad")
	f.Add("postgres://u:CANARY@h/n?connect_timeout=x")
	f.Add("redis://:CANARY@h:1:2/x")
	f.Fuzz(func(t *testing.T, raw string) {
		if !strings.Contains(raw, "CANARY") {
			return
		}
		for _, name := range []string{"DATABASE_URL", "REDIS_URL"} {
			if _, err := Load(source(enough(name, raw))); err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}
