// Package deploy replaces the release that serves by another one, without a lost request,
// and takes that back.
//
// It owns the order of a deploy (see plan), the lock, what a release is, what is
// remembered about it, and every judgement: is a colour healthy, does it do well, may a
// migration run beside the release that is live.
//
// What is true and what is remembered are kept apart:
//
//   - Which colour serves is what the gateway says. Which release a colour has is what
//     the labels of its containers say. Whether it is well is what the engine says.
//   - The volume <PROJECT>-deploy remembers: the deploy that is under way (current.json),
//     the releases that can be gone back to (releases.json) and what was done
//     (history.jsonl). Losing it loses the memory, and nothing that serves.
//
// All of it is with the engine, so any machine can go on where another one stopped. A
// deploy that was killed is finished or undone by the next one, which looks at the truth
// first and asks the journal only what the dead one wanted.
//
// It does not build images or run compose itself; that is stack's, image's and compose's
// work. It does not restart the gateway, the database or Redis: what differs there is
// reported, and up applies it.
package deploy
