import { describe, expect, it, vi } from "vitest";
import { conflictOf, initialState, type State, Store, troubleOf, visibleNotes } from "../src/store";
import { listOf, note } from "./helpers";

const state = (change: Partial<State>): State => ({ ...initialState, ...change });
const editOf = (base: ReturnType<typeof note>, busy = false) => ({
  [base.id]: { base, busy, draft: { title: "mine", body: "" }, problem: null },
});

describe("Store", () => {
  it("tells its listeners now and at each change, until they leave", () => {
    const store = new Store({ a: 1, b: 1 });
    const seen = vi.fn();
    const leave = store.subscribe(seen);
    store.set({ a: 2 });
    leave();
    store.set({ a: 3 });
    expect(seen.mock.calls).toEqual([[{ a: 1, b: 1 }], [{ a: 2, b: 1 }]]);
  });
});

describe("troubleOf", () => {
  const health = (checks: Record<string, string>, ready = false) => ({ health: { ready, checks } });

  it.each([
    ["nothing", {}, undefined],
    ["a good report", health({ database: "ok" }, true), undefined],
    ["offline before all else", { online: false, reach: "unreachable" }, "offline"],
    ["no answer", { reach: "unreachable" }, "unreachable"],
    ["the backend's 503", { reach: "unavailable" }, "database"],
    ["a failing database check", health({ database: "refused", redis: "refused" }), "database"],
    ["another failing check", health({ database: "ok", redis: "refused" }), "impaired"],
    ["a fault", { reach: "failing" }, "failing"],
  ] as const)("%s", (_name, change, kind) => {
    expect(troubleOf(state(change as Partial<State>))?.kind).toBe(kind);
  });

  it("names the part that fails", () => {
    expect(troubleOf(state(health({ database: "ok", redis: "refused" })))?.text).toContain("redis");
  });
});

describe("a note under edit", () => {
  it("has no conflict while nobody else touches it", () => {
    expect(conflictOf(state({ list: listOf(note(1)), edits: editOf(note(1)) }), 1)).toBeNull();
    expect(conflictOf(state({ list: listOf(note(1)) }), 1)).toBeNull();
  });

  it("has one when the list knows a newer version, but not while it is being saved", () => {
    const theirs = note(1, { version: 2 });
    const list = listOf(theirs);
    expect(conflictOf(state({ list, edits: editOf(note(1)) }), 1)).toEqual({ kind: "changed", theirs });
    expect(conflictOf(state({ list, edits: editOf(note(1), true) }), 1)).toBeNull();
  });

  it("stays in view when it is deleted, or no longer found", () => {
    const list = { ...listOf(note(3), note(1)), gone: new Set([2]) };
    const edited = state({ list, edits: editOf(note(2)) });
    expect(visibleNotes(edited).map((each) => each.id)).toEqual([3, 2, 1]);
    expect(conflictOf(edited, 2)).toEqual({ kind: "deleted" });
  });
});
