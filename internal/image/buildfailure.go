package image

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"drydock/internal/run"
)

// ownApps is where building somebody's own app is described.
const ownApps = "docs/en/your-own-apps.md"

// Advice for failures of a build that come from the network here and not from the Dockerfile's
// own words, so that the words alone do not lead to the mend.
const (
	adviceRegistry = "no registry answers: stand on our images with ARG TOOLCHAIN_GO, TOOLCHAIN_NODE, NGINX_BASE or BASE_TRIXIE before FROM, see " + ownApps
	adviceNet      = "the step does not get into this network: run it under with-net (RUN --mount=type=secret,id=net --mount=type=secret,id=ca with-net ...), see " + ownApps
)

var (
	// unresolved is how BuildKit says that it cannot ask for a base image.
	unresolved = regexp.MustCompile(`failed to resolve source metadata|failed to do request: Head|failed to fetch anonymous token`)
	// unreachable is no answer, or one of somebody in between; "not found" and "denied" are answers.
	unreachable = regexp.MustCompile(`no such host|server misbehaving|i/o timeout|deadline exceeded|connection refused|connection reset|network is unreachable|no route to host|x509: |tls: `)
	// strangers are the words of the tools that a RUN calls for a proxy's certificate that they do
	// not know, or a network that they do not reach without the proxy.
	strangers = regexp.MustCompile(`SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|x509: certificate signed by unknown authority|[Ss]elf[- ]signed certificate|unable to get local issuer certificate|CERTIFICATE_VERIFY_FAILED|` +
		`dial tcp: lookup \S+.*(no such host|server misbehaving|i/o timeout)|getaddrinfo (EAI_AGAIN|ENOTFOUND)|Could not resolve host`)
	// runTitle is the step that failed, in the report about it.
	runTitle = regexp.MustCompile(`^ > \[.*\] RUN .*`)
)

// buildReport passes on what docker says about a build, but for its last word: that is the
// error's, so that nobody reads it twice.
type buildReport struct {
	run.LineWriter
	w       io.Writer
	last    []string // what begins with ERROR
	strange bool     // a tool in a RUN was kept out
	with    bool     // and the step that failed is under with-net already
}

func newBuildReport(w io.Writer) *buildReport {
	r := &buildReport{w: w}
	r.Each = r.one
	return r
}

func (r *buildReport) one(line []byte) error {
	text := strings.TrimRight(string(line), "\r")
	if strings.HasPrefix(text, "ERROR: ") {
		r.last = append(r.last, text)
		return nil
	}
	r.strange = r.strange || strangers.MatchString(text)
	r.with = r.with || strings.Contains(runTitle.FindString(text), "with-net ")
	_, err := fmt.Fprintf(r.w, "%s\n", line)
	return err
}

// explain is the error of a build whose output was shown: what docker said last, and what helps.
func (r *buildReport) explain(err error) error {
	var e *run.Error
	if !errors.As(err, &e) || len(r.last) == 0 {
		return err
	}
	short := *e
	short.Tail = r.last
	if advice := r.advice(); advice != "" {
		short.Tail = append(short.Tail[:len(short.Tail):len(short.Tail)], advice)
	}
	return &short
}

func (r *buildReport) advice() string {
	for _, text := range r.last {
		if unresolved.MatchString(text) {
			if unreachable.MatchString(text) {
				return adviceRegistry
			}
			return ""
		}
	}
	if r.strange && !r.with {
		return adviceNet
	}
	return ""
}
