package testkit

import (
	"bytes"
	"encoding/json"
	"testing"

	"drydock/internal/engine"
	"drydock/internal/testkit/tinyapi"
)

// Tiny runs the tiny program once and returns its standard output. The command and
// everything else that matters is in the spec. A failure fails the test.
func Tiny(t testing.TB, s engine.Spec) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Engine(t).RunOnce(t.Context(), prepare(t, s), engine.Streams{Out: &out}); err != nil {
		t.Fatalf("running tiny %v: %v", s.Cmd, err)
	}
	return out.Bytes()
}

// DialAs tries a TCP connection from within the network of a running container, whatever
// image it has: what it reaches is what the container reaches.
func DialAs(t testing.TB, containerID, address string) tinyapi.Dial {
	t.Helper()
	return dial(t, "container:"+containerID, address)
}

// DialFrom tries a TCP connection from a new container on the network.
func DialFrom(t testing.TB, network, address string) tinyapi.Dial {
	t.Helper()
	return dial(t, network, address)
}

func dial(t testing.TB, network, address string) tinyapi.Dial {
	t.Helper()
	var d tinyapi.Dial
	decode(t, Tiny(t, engine.Spec{Cmd: []string{"dial", address}, Attach: []engine.Attach{{Network: network}}}), &d)
	return d
}

// ParseEcho reads the body of an answer of `tiny serve`.
func ParseEcho(t testing.TB, body []byte) tinyapi.Echo {
	t.Helper()
	var e tinyapi.Echo
	decode(t, body, &e)
	return e
}

// ParseEnv reads the output of `tiny env`.
func ParseEnv(t testing.TB, output []byte) tinyapi.Env {
	t.Helper()
	var e tinyapi.Env
	decode(t, output, &e)
	return e
}

func decode(t testing.TB, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("this is no answer of the test program: %v\n%s", err, text)
	}
}
