package deploy

// verdict is what to do about a deploy that was killed.
type verdict int

const (
	nothing verdict = iota // it left nothing
	undo                   // the old release serves: stop what the dead deploy started
	finish                 // its release serves and is well: write that down
	back                   // its release serves and is not well: back to the old one
)

// judgeDead decides from the truth what becomes of a killed deploy.
//
// A release that serves and is well stays, even if its watch had not ended: taking it
// away would be a change that nobody asked for, and the next deploy watches for itself.
func judgeDead(j *Journal, now Situation) verdict {
	if j == nil {
		return nothing
	}
	active := now.Colour(now.Active)
	idle := now.Colour(now.Active.Other())
	if active.Release == j.Release.ID {
		if active.Well() || !idle.Well() {
			return finish
		}
		return back
	}
	return undo
}
