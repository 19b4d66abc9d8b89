package deploy

// Step is a part of a deploy. The journal names the one that is under way.
type Step string

// The steps, in the order in which they can come.
const (
	Preflight Step = "preflight" // settings, space, images, nginx's configuration, migrations
	Locked    Step = "lock"
	Recover   Step = "recover" // finish or undo what a killed deploy left
	Base      Step = "base"    // database, Redis and gateway run
	PreHook   Step = "pre-hook"
	Save      Step = "save" // a dump or a restore point, before the migrations
	Migrate   Step = "migrate"
	Drain     Step = "drain" // requests that are still with the idle colour end
	Start     Step = "start"
	Gate      Step = "gate"
	Smoke     Step = "smoke"
	Canary    Step = "canary"
	Switch    Step = "switch"
	Watch     Step = "watch"
	Settle    Step = "settle" // the old colour stays warm, or ends
	Keep      Step = "record"
	Prune     Step = "prune"
	PostHook  Step = "post-hook"
)

// situation is what decides which steps are needed.
type situation struct {
	Kind     Kind
	Saves    bool // the database is saved before its migrations
	Migrates bool // there is a command that migrates
	Warm     bool // the containers of the release run already
	Canary   int  // per cent
	Watch    bool
	Hooks    [2]bool // before, after
}

// plan lists the steps that follow the base, in order. It is pure.
func plan(s situation) []Step {
	var steps []Step
	add := func(when bool, step Step) {
		if when {
			steps = append(steps, step)
		}
	}
	add(s.Hooks[0], PreHook)
	// Going back never migrates: what the newer release needs may stay, and taking it away
	// would lose data.
	add(s.Kind == KindDeploy && s.Saves, Save)
	add(s.Kind == KindDeploy && s.Migrates, Migrate)
	add(!s.Warm, Drain)
	add(!s.Warm, Start)
	add(true, Gate)
	add(true, Smoke)
	// A release that was live is known; and who goes back is in a hurry.
	add(s.Kind == KindDeploy && s.Canary > 0, Canary)
	add(true, Switch)
	add(s.Watch, Watch)
	add(true, Settle)
	add(true, Keep)
	add(true, Prune)
	add(s.Hooks[1], PostHook)
	return steps
}
