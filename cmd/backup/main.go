// Command backup is process 1 of the backup container, and the way to talk to it from
// `docker exec`.
//
//	backup run                          works by the clock; the default
//	backup dump                         dumps the database now, and prints the backup's id
//	backup full, differential, incremental   makes a physical backup now, and prints the ids
//	backup fetch [--id=ID] [--at=TIME|latest] [--repository=local|s3] [--to=/restore]   a physical
//	                                    backup and its log into an empty folder, for a server to start
//	                                    on; --to= only says what would be done
//	backup send                         makes the copies on S3 that are missing, and prints whose
//	backup bring [--id=ID] [--json]     brings a dump or a configuration backup back from there
//	backup adopt                        gives the repositories to the database that is there now
//	backup list [--json]
//	backup verify [ID]                  all of them without one
//	backup prune [--dry-run] [--json]
//	backup restore [--id=ID] [--database=NAME] [--replace] [--tables=A,B] [--schema=NAME] [--json]
//	backup examine --id=ID [--database=NAME]   the files, or a database that was restored, against the manifest
//	backup control --id=ID --database=NAME     damages a drill's scratch database, and examines it
//	backup heartbeat                    the newest one in the live database
//	backup drilled                      keeps the evidence on standard input, and marks what is proven
//	backup drills                       the evidence of past drills
//	backup ask URL [BODY]               GET, or POST of JSON, for a drill
//	backup config-put, config-get       a configuration backup, on standard input and output
//	backup guard                        process 1 of the guard's container (RPO=zero)
//	backup watched HOST, unwatched      somebody on HOST looked at the services; nobody will again
//	backup alarm-test                   sends a test message to BACKUP_WEBHOOK, and says where it went
//	backup release                      lets commits go on without the receiver of the log
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
	"io"
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
	switch verb {
	case "healthy":
		return healthy(ctx, words)
	case "ask":
		return ask(ctx, words)
	}
	config, err := backup.FromEnviron(os.Getenv, os.ReadFile)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	switch verb { // they have no repository
	case "guard":
		return backup.Guard(ctx, config, log)
	case "release":
		return config.Release(ctx)
	case "alarm-test":
		return alarmTest(ctx, config)
	}
	s, err := backup.Open(config, log)
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
	flags.BoolVar(&o.NoCompare, "no-compare", false, "leave the comparison to `examine`")
	f := fetchFlags(flags)
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
	case "send":
		sent, err := s.Send(ctx)
		for _, id := range sent {
			if _, printErr := fmt.Println(id); printErr != nil {
				return errors.Join(err, printErr)
			}
		}
		return err
	case "bring":
		brought, err := s.Bring(ctx, o.ID)
		return errors.Join(err, backup.WriteBrought(os.Stdout, brought, *asJSON))
	case "full", "differential", "incremental", "fetch", "adopt":
		f.ID = o.ID
		return copies(ctx, s, verb, f)
	case "list":
		return s.List(ctx, os.Stdout, *asJSON)
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
	case "remove":
		return remove(ctx, s, flags.Arg(0), *dryRun)
	case "watched":
		return s.Watched(flags.Arg(0))
	case "unwatched":
		return s.Unwatched()
	case "examine", "control", "heartbeat", "drilled", "drills", "config-put", "config-get":
		return evidence(ctx, s, verb, o)
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
	return run.WithCode(run.CodeBadInput, fmt.Errorf("there is no subcommand %q; there are: run, dump, full, differential, incremental, fetch, send, bring, adopt, list, verify, prune, remove, restore, examine, control, heartbeat, drilled, drills, ask, watched, unwatched, alarm-test, guard, release, config-put, config-get, healthy", verb))
}

// healthy asks the running service.
func healthy(ctx context.Context, words []string) error {
	port := "9181"
	if len(words) > 0 {
		port = words[0] // the guard's
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // the status is all that is wanted
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // the status alone is enough
		return fmt.Errorf("it answered %s: %s", resp.Status, strings.TrimSpace(string(why)))
	}
	return nil
}

// remove prints what went, also before an error.
func remove(ctx context.Context, s *backup.Service, id string, dryRun bool) error {
	var list []store.Backup
	var err error
	if id == backup.Gone {
		list, err = s.RemoveGone(ctx, dryRun)
	} else {
		var one store.Backup
		if one, err = s.Remove(ctx, id, dryRun); err == nil {
			list = []store.Backup{one}
		}
	}
	for _, b := range list {
		_, printErr := fmt.Println(map[bool]string{true: "would remove", false: "removed"}[dryRun], b.ID)
		err = errors.Join(err, printErr)
	}
	return err
}
