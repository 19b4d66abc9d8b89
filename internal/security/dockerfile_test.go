package security

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseDockerfile(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Instruction
	}{
		"continued, with a comment and an empty line inside": {
			"# a comment\nfrom a\\\n  # one\n\n:1\nRUN x \\\n && y\n",
			[]Instruction{{2, "FROM", "a :1"}, {6, "RUN", "x && y"}},
		},
		"another escape character": {
			"# syntax=docker/dockerfile:1\r\n# escape=`\r\nFROM a:1\r\nRUN dir c:\\ `\r\n x\r\n",
			[]Instruction{{3, "FROM", "a:1"}, {4, "RUN", `dir c:\ x`}},
		},
		"an escape directive that comes too late is a comment": {
			"FROM a:1\n# escape=`\nRUN x \\\n y\n",
			[]Instruction{{1, "FROM", "a:1"}, {3, "RUN", "x y"}},
		},
		"here-documents": {
			"FROM a:1\nRUN <<-'EOF' sh\n\tUSER root\n\tEOF\nCOPY <<A <<B /x/\none\nA\ntwo\nB\nUSER 1\n",
			[]Instruction{{1, "FROM", "a:1"}, {2, "RUN", "<<-'EOF' sh\nUSER root"}, {5, "COPY", "<<A <<B /x/\none\ntwo"}, {10, "USER", "1"}},
		},
		"cut off in the middle": {"FROM a:1\nRUN x \\", []Instruction{{1, "FROM", "a:1"}, {2, "RUN", "x"}}},
		"nothing":               {"", nil},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, ParseDockerfile("D", c.text).Instructions) })
	}
}

func FuzzParseDockerfile(f *testing.F) {
	f.Add(goodFile)
	f.Add("RUN <<A <<B\n\\\n#\\\n# escape=\\\n")
	f.Fuzz(func(t *testing.T, text string) {
		d := ParseDockerfile("D", text)
		for _, r := range dockerfileRules() {
			r.Check(Facts{Dockerfiles: []Dockerfile{d}}) // neither panics nor hangs
		}
	})
}
