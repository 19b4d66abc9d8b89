package check

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
)

// Tests against real services have bounds of time, and their neighbours, image builds and databases,
// share the machine. One that failed is therefore tried once more, by itself. That is no way around a
// fault: it fails a second time, a data race ends the run at once, and so does more than a handful,
// which a neighbour does not explain. What needed its second try is named at the end.
const (
	secondTries = 1
	mostRetried = 6 // with each failed part of a test and the test itself counted
)

// goTestOnce runs the tests of packages, each once: what recovers from a fault has to do so each time.
func (c *Checks) goTestOnce(ctx context.Context, extra, packages []string, args ...string) error {
	return c.goTest(ctx, c.Settings.Root, extra, append(args, packages...)...)
}

// goTestAgain runs the tests of packages that need the world.
func (c *Checks) goTestAgain(ctx context.Context, extra, packages []string, args ...string) (err error) {
	report, err := os.CreateTemp("", "drydock-unsteady-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(report.Name())) }()
	if err := report.Close(); err != nil {
		return err
	}
	err = c.goTool(ctx, c.Settings.Root, extra, againArgs(report.Name(), packages, args)...)
	text, readErr := os.ReadFile(report.Name())
	if unsteady := strings.TrimSpace(string(text)); unsteady != "" {
		c.say("tried a second time, by itself:\n%s", unsteady)
	}
	return errors.Join(err, readErr)
}

// againArgs are the go command's: gotestsum, and after -- what go test gets.
func againArgs(report string, packages, args []string) []string {
	return append([]string{
		"tool", "gotestsum", "--format=standard-quiet",
		"--rerun-fails=" + strconv.Itoa(secondTries), "--rerun-fails-max-failures=" + strconv.Itoa(mostRetried),
		"--rerun-fails-abort-on-data-race", "--rerun-fails-run-root-test", "--rerun-fails-report=" + report,
		"--packages=" + strings.Join(packages, " "), "--",
	}, append(testFlags(), args...)...)
}
