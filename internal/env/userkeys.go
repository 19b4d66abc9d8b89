package env

import (
	"regexp"
	"strings"
)

// A user's own keys:
//
//	BACKEND_ENV_<NAME>     the variable <NAME> in the backend's containers
//	BACKEND_SECRET_<NAME>  the file /run/secrets/<name> there; its path is in <NAME>_FILE
//
// and the same with FRONTEND.
var (
	userEnv    = regexp.MustCompile(`^(BACKEND|FRONTEND)_ENV_([A-Za-z_][A-Za-z0-9_]*)$`)
	userSecret = regexp.MustCompile(`^(BACKEND|FRONTEND)_SECRET_([A-Z][A-Z0-9_]*)$`)
)

const userKeyRule = "after BACKEND_ENV_ comes the name of a variable, after BACKEND_SECRET_ one in upper case"

// isUserKey reports whether key is a user's own, the path of a secret included.
func isUserKey(key string) bool { return userEnv.MatchString(key) || userSecret.MatchString(key) }

// userPrefix is the beginning that marks a user's key, even a misspelt one.
func userPrefix(key string) string {
	for _, app := range []string{"BACKEND", "FRONTEND"} {
		for _, kind := range []string{"_ENV_", "_SECRET_"} {
			if strings.HasPrefix(key, app+kind) {
				return app + kind
			}
		}
	}
	return ""
}

// isSecretFile reports whether key is <KEY>_FILE of a secret of the schema.
func isSecretFile(key string) bool {
	base, ok := strings.CutSuffix(key, "_FILE")
	return ok && byName()[base].Secret
}

// reserved are the variables that the containers get from the settings; a user's
// own must not contradict them. The value is what sets it.
var reserved = map[string]string{
	"PORT": "<APP>_PORT", "HEALTH_PATH": "<APP>_HEALTH_PATH", "APP_ENV": "MODE", "APP_VERSION": "VERSION", "LOG_LEVEL": "LOG_LEVEL",
	"DB_HOST": "", "DB_PORT": "", "DB_NAME": "DB_NAME", "DB_USER": "DB_USER", "DB_PASSWORD_FILE": "DB_PASSWORD", "DATABASE_URL_FILE": "DB_PASSWORD",
	"REDIS_HOST": "", "REDIS_PORT": "", "REDIS_PASSWORD_FILE": "REDIS_PASSWORD", "REDIS_URL_FILE": "REDIS_PASSWORD",
}

// reservedSecrets are the files that every backend has.
var reservedSecrets = map[string]bool{"DB_PASSWORD": true, "REDIS_PASSWORD": true, "DATABASE_URL": true, "REDIS_URL": true}

// app is the half of the product that a user's key belongs to.
func (s *Settings) app(prefix string) *App {
	if prefix == "FRONTEND" {
		return &s.Frontend
	}
	return &s.Backend
}

// group is the heading that a user's key belongs to.
func group(prefix string) string { return strings.ToLower(prefix) }
