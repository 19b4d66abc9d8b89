//go:build integration

package check

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/testkit"
)

// A second try is for what a neighbour disturbs: it clears nothing that fails again, and no race.
func TestASecondTry(t *testing.T) {
	for name, c := range map[string]struct {
		args    []string
		fails   bool
		says    string
		printed string
	}{
		"fails once":   {args: []string{"-run=^TestOnce$"}, says: "TestOnce", printed: "the first time"},
		"fails always": {args: []string{"-run=^TestAlways$"}, fails: true, says: "TestAlways", printed: "each time"},
		"both":         {args: []string{"-run=^Test(Once|Always)$"}, fails: true, says: "TestAlways", printed: "each time"},
		"race":         {args: []string{"-race", "-run=^TestRace$"}, fails: true, printed: "DATA RACE"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, said bytes.Buffer
			checks := &Checks{Settings: &env.Settings{Root: testkit.Root(t)}, Out: &out, Err: &said}
			extra := append(os.Environ(), "UNSTEADY_MARK="+filepath.Join(t.TempDir(), "mark"))
			err := checks.goTestAgain(context.Background(), extra, []string{"./internal/check/testdata/unsteady"},
				append(c.args, "-count=1")...)
			assert.Equal(t, c.fails, err != nil, "%v\n%s", err, out.String())
			assert.Contains(t, out.String()+said.String(), c.printed)
			if c.says == "" {
				assert.NotContains(t, said.String(), "tried a second time")
			} else {
				assert.Contains(t, said.String(), c.says)
			}
		})
	}
}

func TestASecondTryKeepsWhatGoTestSays(t *testing.T) {
	var out, said bytes.Buffer
	checks := &Checks{Settings: &env.Settings{Root: testkit.Root(t)}, Out: &out, Err: &said}
	err := checks.goTestAgain(context.Background(), os.Environ(), []string{"./internal/check"}, "-run=^TestTaggedTests$")
	require.NoError(t, err, "%s%s", out.String(), said.String())
	assert.Regexp(t, `(?m)^ok  \tdrydock/internal/check\t`, out.String())
	assert.NotContains(t, said.String(), "tried a second time")
}
