package recovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
	"drydock/internal/engine"
	"drydock/internal/run"
)

// swapScript keeps the live files in one volume, and puts others in their place. The file
// without which no server starts (see entrypoint) goes first and comes last, so one that was cut
// off is not taken for a database.
const swapScript = `set -eu
put() { # put FROM TO
	rm -f "$2/global/pg_control"; sync "$2"
	find "$2" -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
	(cd "$1" && tar --sparse --exclude=./lost+found --exclude=./global/pg_control --exclude=./postmaster.pid -cf - .) | tar -C "$2" -xpf -
	cp -p "$1/global/pg_control" "$2/global/pg_control"
	chmod 0700 "$2"; sync -f "$2"
}
case $1 in
room) used=$(du -s -B1 "$2" | cut -f 1); free=$(df -B1 --output=avail "$3" | tail -n 1); echo "$used" $free ;;
put) put "$2" "$3" ;;
back) put "$2" "$3"; touch "$3/standby.signal"; sync "$3" ;;
esac`

// volumes runs the script with volumes at hand.
func (r *Recovery) volumes(ctx context.Context, s Source, verb, from, to string) (string, error) {
	var out, errs bytes.Buffer
	err := r.Stack.Engine.RunOnce(ctx, engine.Spec{
		Image: s.DB, User: "999:999", ReadOnly: true, CapDrop: []string{"ALL"}, NoNewPrivileges: true, Labels: r.Stack.ObjectLabels(),
		Tmpfs:      map[string]string{"/tmp": "mode=1777,size=16m"},
		Mounts:     []engine.Mount{{Name: from, Target: "/var/lib/postgresql/data", ReadOnly: true}, {Name: to, Target: "/var/lib/pgbackrest"}},
		Entrypoint: []string{"bash", "-o", "pipefail", "-c", swapScript, "swap", verb, "/var/lib/postgresql/data", "/var/lib/pgbackrest"},
	}, engine.Streams{Out: &out, Err: &errs})
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("copying %s to %s: %s", from, to, strings.TrimSpace(errs.String()))
	}
	return strings.TrimSpace(out.String()), err
}

// room refuses before anything is stopped: the live files are kept, and both are on one disk.
func (r *Recovery) room(ctx context.Context, s Source, live, from string) error {
	var need, free int64
	for _, v := range []string{live, from} {
		text, err := r.volumes(ctx, s, "room", v, s.Repo)
		if err != nil {
			return err
		}
		used, avail, _ := strings.Cut(text, " ")
		n, err1 := strconv.ParseInt(used, 10, 64)
		m, err2 := strconv.ParseInt(strings.TrimSpace(avail), 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("asking how much space there is: %w", err)
		}
		need, free = max(need, n), m
	}
	if need += 64 << 20; free < need {
		return run.WithCode(run.CodeMissing, fmt.Errorf("restoring in place: the live files are kept, which needs about %s, and %s is free: make room, or restore into a copy (without REPLACE)", store.Bytes(need), store.Bytes(free)))
	}
	return nil
}

// swap stops the site, keeps the live files, and puts those of another volume in their place.
// What it has stopped is for who starts it again.
func (r *Recovery) swap(ctx context.Context, s Source, verb, from, stamp string) (safety string, stopped []engine.Container, err error) {
	live := r.project() + "-db"
	safety = r.project() + beforeInfix + stamp
	if err := r.room(ctx, s, live, from); err != nil {
		return "", nil, err
	}
	if stopped, err = r.stop(ctx); err != nil {
		return "", nil, fmt.Errorf("stopping the site (its data is as it was; start it: %s): %w", r.Stack.Command("up"), err)
	}
	if _, err := r.Stack.Engine.EnsureVolume(ctx, safety, r.Stack.ObjectLabels()); err != nil {
		return "", nil, errors.Join(err, r.again(context.WithoutCancel(ctx), stopped))
	}
	r.say("keeping the live files in the volume " + safety)
	if _, err := r.volumes(ctx, s, "put", live, safety); err != nil {
		err = fmt.Errorf("keeping the live files (they are as they were): %w", err)
		return "", nil, errors.Join(err, r.Stack.Engine.RemoveVolume(context.WithoutCancel(ctx), safety), r.again(context.WithoutCancel(ctx), stopped))
	}
	r.say("putting the restored files in their place")
	if _, err := r.volumes(ctx, s, verb, from, live); err != nil {
		return "", nil, r.undo(ctx, s, safety, stopped, err)
	}
	return safety, stopped, nil
}

// undo puts the kept files back and starts again.
func (r *Recovery) undo(ctx context.Context, s Source, safety string, stopped []engine.Container, why error) error {
	ctx = context.WithoutCancel(ctx)
	r.say("that did not work; putting the live files back")
	if _, err := r.volumes(ctx, s, "put", safety, r.project()+"-db"); err != nil {
		return errors.Join(fmt.Errorf("restoring in place: %w", why), fmt.Errorf("putting the live files back: %w; they are in the volume %s, try again: %s", err, safety, r.back(safety)))
	}
	err := r.again(ctx, stopped)
	if err == nil {
		err = r.Stack.Engine.RemoveVolume(ctx, safety)
	}
	return errors.Join(fmt.Errorf("restoring in place (the database is as it was): %w", why), err)
}

// goBack puts files that a restore kept into their old place. What is there now is kept, too.
func (r *Recovery) goBack(ctx context.Context, s Source, kept, stamp string) error {
	if !r.Stack.Settings.Options.Replace {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("going back to %s takes the place of the live database: say so with REPLACE=1", kept))
	}
	if _, err := r.Stack.Engine.Volume(ctx, kept); err != nil {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("going back to %s: %w", kept, err))
	}
	return r.alone(ctx, s.Backup, func(ctx context.Context) error { return r.putBack(ctx, s, kept, stamp) })
}

func (r *Recovery) putBack(ctx context.Context, s Source, kept, stamp string) error {
	// A timeline of its own: the one that it was on is not the newest any more, and who looks for a
	// time later must find the way.
	safety, stopped, err := r.swap(ctx, s, "back", kept, stamp)
	if err != nil {
		return err
	}
	if err := r.finish(ctx, s, physical.Fetched{}, "-c", "recovery_target_timeline=current",
		"-c", `restore_command=pgbackrest --config=`+physical.SecretsDir+"/"+physical.LocalFile+` --stanza=main archive-get %f "%p"`); err != nil {
		return r.undo(ctx, s, safety, stopped, err)
	}
	return r.restored(ctx, stopped, fmt.Sprintf("the database is the one of %s again\n  what was there is in the volume %s\n    back: %s\n", kept, safety, r.back(safety)), safety)
}
