//go:build integration

package target

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
	"drydock/internal/testkit"
)

// Through every door nothing has run when an argument is wrong.
func TestEveryDoorReadsAllArgumentsFirst(t *testing.T) {
	root := testkit.Root(t)
	program := filepath.Join(t.TempDir(), "drydock")
	compile := exec.Command("go", "tool", "mage", "-compile", program)
	compile.Dir = root
	text, err := compile.CombinedOutput()
	require.NoError(t, err, "%s", text)
	for _, door := range []struct {
		command []string
		code    int
	}{
		{[]string{"go", "tool", "mage"}, run.CodeBadInput},
		{[]string{"go", "run", "magefile.go"}, run.CodeFailure}, // go run makes every failure 1
		{[]string{program}, run.CodeBadInput},
	} {
		for _, c := range []struct {
			words []string
			want  string
		}{
			{[]string{"help", "TO=nonsense"}, "TO=nonsense is a setting: write it before the command: "},
			{[]string{"help", "statsu"}, "there is no target statsu; did you mean status?"},
			{[]string{"help", "env:diff", "dev"}, "env:diff needs a and b"},
		} {
			words := append(door.command[1:len(door.command):len(door.command)], c.words...)
			cmd := exec.Command(door.command[0], words...)
			cmd.Dir = root
			var out, said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &said
			var exit *exec.ExitError
			if assert.ErrorAs(t, cmd.Run(), &exit, "%q", words) {
				assert.Equal(t, door.code, exit.ExitCode(), "%q", words)
			}
			assert.Empty(t, out.String(), "%q ran its first target", words)
			assert.Contains(t, said.String(), c.want)
		}
		words := append(door.command[1:len(door.command):len(door.command)], "env:diff", "dev", "dev", "help")
		cmd := exec.Command(door.command[0], words...)
		cmd.Dir = root
		text, err := cmd.CombinedOutput()
		assert.NoError(t, err, "%s", text)
		assert.Contains(t, string(text), "Begin with: go tool mage setup up")
	}
}

// `env:show | head` ends when head has seen enough, without a word.
func TestEveryDoorEndsQuietlyWhenNobodyReads(t *testing.T) {
	for _, door := range [][]string{{"go", "tool", "mage"}, {"go", "run", "magefile.go"}} {
		read, write, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, read.Close())
		cmd := exec.Command(door[0], append(door[1:len(door):len(door)], "env:show")...)
		cmd.Dir = testkit.Root(t)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = write, &said
		assert.NoError(t, cmd.Run(), "%q", door)
		assert.Empty(t, said.String())
		require.NoError(t, write.Close())
	}
}
