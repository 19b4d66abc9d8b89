package env

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWeakness(t *testing.T) {
	for password, want := range map[string]string{
		"postgres":                "is a well-known default",
		"Postgres":                "is a well-known default",
		"postgres123":             "is a well-known default",
		"P4$$w0rd":                "is a well-known default",
		"p@ssw0rd!":               "is a well-known default",
		"change-me":               "is a well-known default",
		"changeme":                "is a well-known default",
		"MySecretPassword":        "is a well-known default",
		"your_password_here":      "is a well-known default",
		"supersecretpassword99":   "is a well-known default",
		"shop":                    "is the name of the user, the database or the project",
		"Shop-2026!":              "is the name of the user, the database or the project",
		"drydock-staging":         "is the name of the user, the database or the project",
		"xK9#mQ2$vL7":             "is shorter than 12 characters",
		"":                        "is shorter than 12 characters",
		"aaaaaaaaaaaaaaaa":        "has fewer than 6 different characters",
		"abababababab":            "has fewer than 6 different characters",
		"123456789012":            "is a run of neighbouring characters",
		"abcdefghijklmnop":        "is a run of neighbouring characters",
		"987654321098":            "is a run of neighbouring characters",
		"correct-horse-battery-9": "",
		"pass__$85858#'x":         "",
		"xK9#mQ2$vL7p":            "",
		"密码很长而且各不相同的一串字啊": "",
	} {
		assert.Equal(t, want, weakness(password, "shop", "shop", "drydock-staging"), password)
	}
	for range 100 {
		assert.Empty(t, weakness(newSecret(), "app", "app", "drydock"))
	}
}

// A project of one letter or without letters is no reason to refuse everything.
func TestWeaknessNames(t *testing.T) {
	assert.Empty(t, weakness("xK9#mQ2$vL7p", "", "1", "x"))
	assert.Empty(t, weakness("4821-9374-6650-x", "2"))
}
