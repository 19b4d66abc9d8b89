package stack

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
	"drydock/internal/env"
)

// TAIL is about each service, however many containers it has.
func TestTheLastLinesOfEachService(t *testing.T) {
	line := func(service, text string) engine.LogLine { return engine.LogLine{Service: service, Text: text} }
	all := []engine.LogLine{line("db", "1"), line("backend", "2"), line("backend", "3"), line("db", "4"), line("backend", "5")}
	assert.Equal(t, []engine.LogLine{all[0], all[2], all[3], all[4]}, lastOfEach(all, 2))
	assert.Equal(t, all, lastOfEach(all, 3))
	assert.Equal(t, all, lastOfEach(all, -1))
	assert.Empty(t, lastOfEach(all, 0))
}

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
