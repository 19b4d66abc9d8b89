package recovery

import (
	"cmp"
	"context"

	"drydock/internal/backup/remote"
	"drydock/internal/engine"
	"drydock/internal/lease"
	"drydock/internal/stack"
)

// Dump restores a dump by the backup service: beside the live database, or where the options say.
func (r *Recovery) Dump(ctx context.Context) error {
	service := &remote.Remote{Settings: r.Stack.Settings, Engine: r.Stack.Engine, Out: r.Out, Err: r.Err}
	if !r.Stack.Settings.Options.Replace {
		return service.Restore(ctx)
	}
	list, err := r.Stack.Engine.Containers(ctx, engine.OfService(r.project(), "backup", engine.Running))
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return service.Restore(ctx) // which says what is missing
	}
	return r.alone(ctx, list[0].ImageID, service.Restore)
}

// alone holds off whatever else would change the environment meanwhile: a deploy, up or down, and
// another restore in place. image is any that the engine has.
func (r *Recovery) alone(ctx context.Context, image string, do func(context.Context) error) error {
	o := r.Stack.Settings.Options
	l, dead, err := lease.Take(ctx, r.Stack.Engine, lease.Spec{
		Name: stack.LockName(r.project()), Image: image, Labels: r.Stack.ObjectLabels(),
		Holder: lease.Me(r.Stack.Settings.Deploy.By, lease.Restore, cmp.Or(o.Backup, o.At, "the newest backup")),
	})
	if err != nil {
		return err
	}
	defer l.Release()
	if dead != nil {
		r.say("who worked here last has died (" + dead.String() + "); taking over")
	}
	ctx, stop := l.Guard(ctx)
	defer stop(nil)
	return do(ctx)
}
