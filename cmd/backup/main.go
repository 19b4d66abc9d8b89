// Command backup is process 1 of the backup container, and the way to talk to it from
// `docker exec`.
//
//	backup run                          works by the clock; the default
//	backup dump                         dumps the database now, and prints the backup's id
//	backup list [--json]
//	backup verify [ID]                  all of them without one
//	backup prune [--dry-run] [--json]
//	backup restore [--id=ID] [--database=NAME] [--replace] [--tables=A,B] [--schema=NAME] [--json]
//	backup proven --id=ID --drill=ID --took=DURATION [--report=PATH]   after a restore drill
//	backup healthy                      for the container's health check
//
// Results go to standard output, everything else to standard error. The exit codes are
// those of every Drydock command (internal/run).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"drydock/internal/backup"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

func main() {
	ctx, stop := run.Context(context.Background())
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "backup:", err)
	}
	os.Exit(run.Code(err))
}

func command(ctx context.Context, words []string) error {
	verb := "run"
	if len(words) > 0 {
		verb, words = words[0], words[1:]
	}
	if verb == "healthy" {
		return healthy(ctx)
	}
	config, err := backup.FromEnviron(os.Getenv, os.ReadFile)
	if err != nil {
		return err
	}
	s, err := backup.Open(config, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	asJSON := flags.Bool("json", false, "for machines")
	dryRun := flags.Bool("dry-run", false, "only say what would go")
	var o backup.RestoreOptions
	flags.StringVar(&o.ID, "id", "", "the backup; the newest good one without")
	flags.StringVar(&o.Database, "database", "", "the database to restore into; a new one without")
	flags.BoolVar(&o.Replace, "replace", false, "put it into the place of the database that has the name")
	tables := flags.String("tables", "", "these tables alone, separated by commas")
	flags.StringVar(&o.Schema, "schema", "", "put the tables there")
	var proof store.Proof
	flags.StringVar(&proof.Drill, "drill", "", "the drill that the backup passed")
	flags.DurationVar(&proof.Took, "took", 0, "how long the recovery took")
	flags.StringVar(&proof.Report, "report", "", "where the evidence lies")
	if err := flags.Parse(words); err != nil {
		return run.WithCode(run.CodeBadInput, err)
	}
	switch verb {
	case "run":
		err := s.Run(ctx)
		var signal *run.SignalError
		if errors.As(context.Cause(ctx), &signal) && (err == nil || errors.Is(err, context.Canceled)) {
			return nil // that is how it ends
		}
		return err
	case "dump":
		b, err := s.Dump(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Println(b.ID)
		return err
	case "list":
		return s.List(os.Stdout, *asJSON)
	case "verify":
		if err := s.Verify(ctx, flags.Arg(0)); err != nil {
			return err
		}
		_, err := fmt.Println("every backup that was looked at is as it was made")
		return err
	case "prune":
		plan, err := s.Prune(ctx, *dryRun)
		if err != nil {
			return err
		}
		if *asJSON {
			return plan.JSON(os.Stdout)
		}
		return plan.Text(os.Stdout, config.Zone)
	case "proven":
		if o.ID == "" || proof.Drill == "" {
			return run.WithCode(run.CodeBadInput, errors.New("proven needs --id and --drill"))
		}
		return s.Proven(ctx, o.ID, proof)
	case "restore":
		for name := range strings.SplitSeq(*tables, ",") {
			if name = strings.TrimSpace(name); name != "" {
				o.Tables = append(o.Tables, name)
			}
		}
		r, err := s.Restore(ctx, o)
		if err != nil {
			return err
		}
		return backup.WriteRestored(os.Stdout, r, *asJSON)
	}
	return run.WithCode(run.CodeBadInput, fmt.Errorf("there is no subcommand %q; there are: run, dump, list, verify, prune, restore, proven, healthy", verb))
}

// healthy asks the running service.
func healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:9181/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // the status is all that is wanted
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return nil
}
