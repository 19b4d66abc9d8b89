package image

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

// What docker says about a failed build is read once: its report as it comes, its last word in
// the error, with what helps where the words alone do not say it.
func TestBuildReport(t *testing.T) {
	const head = "ERROR: failed to solve: golang:1.25: failed to resolve source metadata for docker.io/library/golang:1.25: "
	step := func(command string, said ...string) string {
		return "------\n > [build 3/4] RUN " + command + ":\n0.512 " + strings.Join(said, "\n0.600 ") + "\n------\nERROR: failed to solve: process \"/bin/sh -c " + command + "\" did not complete successfully: exit code: 1\n"
	}
	for name, c := range map[string]struct{ out, advice string }{
		"no registry":        {head + "failed to do request: Head \"https://registry-1.docker.io/v2/library/golang/manifests/1.25\": dial tcp: lookup registry-1.docker.io on 10.0.0.2:53: no such host\n", adviceRegistry},
		"a registry's proxy": {head + "failed to do request: Head \"https://registry-1.docker.io/v2/x\": tls: failed to verify certificate: x509: certificate signed by unknown authority\n", adviceRegistry},
		"an older BuildKit":  {"ERROR: failed to solve: golang:1.25: failed to do request: Head \"https://registry-1.docker.io/v2/x\": dial tcp 1.2.3.4:443: i/o timeout\n", adviceRegistry},
		"no such image":      {head + "docker.io/library/golang:1.25: not found\n", ""},
		"npm":                {step("npm ci", "npm error code SELF_SIGNED_CERT_IN_CHAIN", "npm error errno SELF_SIGNED_CERT_IN_CHAIN"), adviceNet},
		"go":                 {step("go mod download", "go: x@v1: Get \"https://proxy.golang.org/x\": tls: failed to verify certificate: x509: certificate signed by unknown authority"), adviceNet},
		"go without a proxy": {step("go mod download", "go: x@v1: Get \"https://proxy.golang.org/x\": dial tcp: lookup proxy.golang.org on 10.0.0.2:53: no such host"), adviceNet},
		"under with-net":     {step("--mount=type=secret,id=net with-net npm ci", "npm error code SELF_SIGNED_CERT_IN_CHAIN"), ""},
		"the app's own":      {step("go build", "main.go:3: undefined: x"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var shown strings.Builder
			report := newBuildReport(&shown)
			for _, part := range []string{c.out[:10], c.out[10:]} {
				_, err := io.WriteString(report, part)
				require.NoError(t, err)
			}
			require.NoError(t, report.Close())
			i := strings.Index(c.out, "ERROR: failed")
			require.Equal(t, c.out[:i], shown.String(), "what comes before the last word is shown")
			err := report.explain(fmt.Errorf("wrapped: %w", &run.Error{Name: "docker", Code: 1, Tail: strings.Split(c.out, "\n")}))
			want := "docker ended with exit code 1\n    " + strings.TrimSpace(c.out[i:])
			if c.advice != "" {
				want += "\n    " + c.advice
			}
			require.EqualError(t, err, want)
		})
	}
}

func TestBuildReportOfOtherFailures(t *testing.T) {
	err := &run.Error{Name: "docker", Code: 125, Tail: []string{"unknown flag: --load"}}
	require.Same(t, err, (&buildReport{}).explain(err), "docker did not get as far as a build")
	other := errors.New("no such program")
	require.Equal(t, other, (&buildReport{last: []string{"ERROR: x"}}).explain(other))
	var shown strings.Builder
	report := newBuildReport(&shown)
	_, _ = io.WriteString(report, "ERROR: the last line has no end")
	require.NoError(t, report.Close())
	require.Empty(t, shown.String())
	require.Equal(t, []string{"ERROR: the last line has no end"}, report.last)
}
