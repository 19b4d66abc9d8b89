package remote

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/run"
)

func TestRestoreWords(t *testing.T) {
	for name, c := range map[string]struct {
		o    env.Options
		want []string
	}{
		"the newest, beside the live one": {env.Options{}, nil},
		"a table":                         {env.Options{Backup: "42", Tables: []string{"public.notes", `"odd, name"`}}, []string{`--id=42`, `--tables=public.notes,"odd, name"`}},
		"in place":                        {env.Options{Database: "app", Replace: true}, []string{"--database=app", "--replace"}},
	} {
		words, err := restoreWords(c.o)
		require.NoError(t, err, name)
		slices.Sort(words)
		assert.Equal(t, c.want, words, name)
	}
	for _, o := range []env.Options{{Replace: true}, {Replace: true, Database: "app", Tables: []string{"notes"}}} {
		_, err := restoreWords(o)
		require.Error(t, err)
		assert.Equal(t, run.CodeBadInput, run.Code(err))
	}
}
