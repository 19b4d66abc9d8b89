package manual

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// unitTargets are the targets that the files below scripts/ call, by file.
func unitTargets(t *testing.T) map[string][]string {
	t.Helper()
	scripts := filepath.Join(testkit.Root(t), "scripts")
	calls := map[string][]string{}
	timers, err := filepath.Glob(filepath.Join(scripts, "systemd", "*.timer"))
	require.NoError(t, err)
	require.NotEmpty(t, timers)
	for _, f := range timers {
		m := regexp.MustCompile(`(?m)^Unit=drydock-backup@(\w+)\.service$`).FindStringSubmatch(textOf(t, f))
		require.NotNil(t, m, "%s names no service", f)
		calls[filepath.Base(f)] = []string{"backup:" + m[1]}
	}
	for _, m := range regexp.MustCompile(`bin/drydock (\S+)`).FindAllStringSubmatch(textOf(t, filepath.Join(scripts, "cron", "drydock")), -1) {
		if !strings.HasPrefix(m[1], "backup:%") {
			calls["cron"] = append(calls["cron"], m[1])
		}
	}
	return calls
}

func textOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestTimersAndCronCallTargetsThatExist(t *testing.T) {
	list, err := Targets(filepath.Join(testkit.Root(t), "magefiles"))
	require.NoError(t, err)
	known := map[string]bool{}
	for _, target := range list {
		known[target.Name] = true
	}
	calls := unitTargets(t)
	all := map[string]bool{}
	for file, targets := range calls {
		require.NotEmpty(t, targets, file)
		for _, name := range targets {
			assert.True(t, known[name], "%s calls %s, which is no target", file, name)
			all[name] = true
		}
	}
	for name := range all {
		assert.Contains(t, calls["cron"], name, "cron does what the timers do")
	}
	workflow := textOf(t, filepath.Join(testkit.Root(t), ".github", "workflows", "restore-drill.yml"))
	for _, m := range regexp.MustCompile(`go tool mage (\S+)`).FindAllStringSubmatch(workflow, -1) {
		assert.True(t, known[m[1]], "the workflow calls %s, which is no target", m[1])
	}
	assert.Contains(t, workflow, "go tool mage backup:restoreDrill")
}
