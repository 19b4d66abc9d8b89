package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// Where the gateway serves the page, who may ask for it, and the files in its volume. The
// configuration in nginx/ names the same.
const (
	Path     = "/.drydock/report"
	User     = "operator"
	pageFile = "/var/lib/gateway/report.html"
	userFile = "/var/lib/gateway/report.htpasswd"
)

// bcryptMax is how much of a password bcrypt looks at.
const bcryptMax = 72

// publish gives the page to the running gateway: in dev always, in prod to those who know
// REPORT_PASSWORD. Without that, what was there before goes. The gateway itself knows
// nothing of the engine; it gets a file. It says whether the page is served.
func (g Gatherer) publish(ctx context.Context, page []byte) (served bool, err error) {
	s := g.Stack.Settings
	list, err := g.Stack.Engine.Containers(ctx, engine.OfService(s.Project, "gateway", engine.Running))
	if err != nil || len(list) == 0 { // a gateway that is down is in the report itself
		return false, err
	}
	password := s.Gateway.ReportPassword.Reveal()
	if s.Mode == env.Prod && password == "" {
		return false, g.inGateway(ctx, list[0].ID, nil, "rm -f "+userFile+" "+pageFile)
	}
	users, err := htpasswd(password)
	if err != nil {
		return false, run.WithCode(run.CodeBadInput, err)
	}
	// The password first, and each file by a rename: nobody sees a page half written, or one
	// that an older password still opens.
	if users != nil {
		if err := g.inGateway(ctx, list[0].ID, users, put(userFile)); err != nil {
			return false, err
		}
	} else if err := g.inGateway(ctx, list[0].ID, nil, "rm -f "+userFile); err != nil {
		return false, err
	}
	return true, g.inGateway(ctx, list[0].ID, page, put(pageFile))
}

func put(file string) string {
	return fmt.Sprintf("umask 077 && cat > %[1]s.new && mv %[1]s.new %[1]s", file)
}

// htpasswd is the file of names and hashed passwords; nil without a password.
func htpasswd(password string) ([]byte, error) {
	switch {
	case password == "":
		return nil, nil
	case len(password) > bcryptMax:
		return nil, fmt.Errorf("REPORT_PASSWORD has %d bytes; at most %d can be told apart: choose a shorter one", len(password), bcryptMax)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return nil, fmt.Errorf("hashing REPORT_PASSWORD: %w", err)
	}
	return []byte(User + ":" + string(hash) + "\n"), nil
}

func (g Gatherer) inGateway(ctx context.Context, id string, in []byte, script string) error {
	var errs bytes.Buffer
	var stdin io.Reader
	if in != nil {
		stdin = bytes.NewReader(in)
	}
	err := g.Stack.Engine.Exec(ctx, id, engine.Command{Cmd: []string{"sh", "-c", script}, Streams: engine.Streams{In: stdin, Out: io.Discard, Err: &errs}})
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("giving the report to the gateway: %s", strings.TrimSpace(errs.String()))
	}
	return err
}
