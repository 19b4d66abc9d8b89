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
		m := regexp.MustCompile(`(?m)^Unit=(drydock-(?:backup@(\w+)|\w+)\.service)$`).FindStringSubmatch(textOf(t, f))
		require.NotNil(t, m, "%s names no service", f)
		if m[2] != "" {
			calls[filepath.Base(f)] = []string{"backup:" + m[2]}
			continue
		}
		calls[filepath.Base(f)] = started(t, filepath.Join(scripts, "systemd", m[1]))
	}
	for _, m := range regexp.MustCompile(`bin/drydock (\S+)`).FindAllStringSubmatch(textOf(t, filepath.Join(scripts, "cron", "drydock")), -1) {
		if !strings.HasPrefix(m[1], "backup:%") {
			calls["cron"] = append(calls["cron"], m[1])
		}
	}
	return calls
}

// started are the targets that a service starts.
func started(t *testing.T, service string) (targets []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^ExecStart=\S*bin/drydock (\S+)$`).FindAllStringSubmatch(textOf(t, service), -1) {
		targets = append(targets, m[1])
	}
	return targets
}

// A run that nobody looks at tells of its failure itself, and systemd tells of one that could
// not. The name is the same for both, so that it is told once.
func TestRunsThatNobodyLooksAtTellOfTheirFailure(t *testing.T) {
	units := filepath.Join(testkit.Root(t), "scripts", "systemd")
	backup, failed := textOf(t, filepath.Join(units, "drydock-backup@.service")), textOf(t, filepath.Join(units, "drydock-failed@.service"))
	assert.Contains(t, backup, "\nOnFailure=drydock-failed@%i.service\n")
	const name = "\nEnvironment=ALARM_RUN=backup:%i\n"
	assert.Contains(t, backup, name)
	assert.Contains(t, failed, name)
	assert.Equal(t, []string{"alarm:failed"}, started(t, filepath.Join(units, "drydock-failed@.service")))
	cron := textOf(t, filepath.Join(testkit.Root(t), "scripts", "cron", "drydock"))
	for _, m := range regexp.MustCompile(`bin/drydock (backup:\w+)`).FindAllStringSubmatch(cron, -1) {
		assert.Contains(t, cron, "ALARM_RUN="+m[1]+" bin/drydock "+m[1]+" ")
	}
}

// mage takes the name of what it compiles from the folder of the targets.
func TestTheTargetsAreCompiledToWhereTheUnitsCallThem(t *testing.T) {
	root := testkit.Root(t)
	found := 0
	for _, pattern := range []string{"docs/*/*.md", "scripts/*", "scripts/*/*", "README.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, f := range files {
			if info, err := os.Stat(f); err != nil || info.IsDir() {
				require.NoError(t, err)
				continue
			}
			for _, m := range regexp.MustCompile(`-compile ([\w./-]*\w)`).FindAllStringSubmatch(textOf(t, f), -1) {
				found++
				assert.Equal(t, filepath.Join(root, "bin", "drydock"), filepath.Join(root, "magefiles", m[1]), f)
			}
		}
	}
	assert.Positive(t, found)
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
