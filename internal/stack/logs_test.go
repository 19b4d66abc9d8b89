package stack

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
	"drydock/internal/env"
)

func TestLinesAreFiltered(t *testing.T) {
	failed := engine.LogLine{Service: "gateway", Text: `{"status":502,"request_id":"abc"}`}
	fine := engine.LogLine{Service: "gateway", Text: `{"status":200,"request_id":"abc"}`}
	other := engine.LogLine{Service: "backend", Text: `{"status":502,"request_id":"abc"}`}
	plain := engine.LogLine{Service: "gateway", Text: "abc"}
	for name, c := range map[string]struct {
		o    env.Options
		want []engine.LogLine
	}{
		"everything":      {env.Options{}, []engine.LogLine{failed, fine, other, plain}},
		"one request":     {env.Options{Match: regexp.MustCompile(`"abc"`)}, []engine.LogLine{failed, fine, other}},
		"server errors":   {env.Options{Status: env.StatusRange{Low: 500, High: 599}}, []engine.LogLine{failed}},
		"both conditions": {env.Options{Match: regexp.MustCompile("xyz"), Status: env.StatusRange{Low: 200, High: 599}}, nil},
	} {
		var got []engine.LogLine
		for _, l := range []engine.LogLine{failed, fine, other, plain} {
			if wantedLine(c.o, l) {
				got = append(got, l)
			}
		}
		assert.Equal(t, c.want, got, name)
	}
}
