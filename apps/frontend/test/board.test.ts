import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Note, Page } from "../src/api";
import { conflictOf, initialState, troubleOf } from "../src/store";
import { boardWith, failure, listOf, note, page, pending } from "./helpers";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const draft = { title: "Milk", body: "two litres" };
const composing = { composer: { draft, busy: false, problem: null } };

describe("loading", () => {
  it("begins with the search that the address names, and counts the visit", async () => {
    const list = vi.fn(async () => page(note(1)));
    const visit = vi.fn(async () => ({ notes: 1, visits: 7 }));
    const { board, store } = boardWith({ loaded: false }, { list, visit });
    board.start("milk");
    expect(store.get()).toMatchObject({ loading: true, loaded: false });
    await vi.advanceTimersByTimeAsync(0);
    expect(list).toHaveBeenCalledWith("milk", null, 50, expect.anything());
    expect(store.get()).toMatchObject({ loading: false, loaded: true, shown: "milk", stats: { visits: 7 } });
  });

  it("keeps what happened while the list was on its way", async () => {
    const answer = pending<Page>();
    const { board, ids } = boardWith({ list: listOf(note(1), note(2)) }, { list: () => answer.promise });
    const loading = board.load();
    board.handle({ type: "note.created", note: note(4) });
    board.handle({ type: "note.deleted", id: 2 });
    board.handle({ type: "note.updated", note: note(1, { version: 5 }) });
    answer.resolve(page(note(3), note(2), note(1, { version: 4 })));
    await loading;
    expect(ids()).toEqual([4, 3, 1]);
  });

  it("lets a newer load replace an older one, whichever answers last", async () => {
    const answers = { slow: pending<Page>(), quick: pending<Page>() };
    const { board, store, ids } = boardWith(
      {},
      { list: (query) => answers[query as "slow" | "quick"].promise },
    );
    board.search("slow");
    await vi.advanceTimersByTimeAsync(200);
    board.search("quick");
    await vi.advanceTimersByTimeAsync(200);
    answers.quick.resolve(page(note(2, { title: "quick" })));
    await vi.advanceTimersByTimeAsync(0);
    answers.slow.reject(new DOMException("aborted", "AbortError"));
    await vi.advanceTimersByTimeAsync(0);
    expect(ids()).toEqual([2]);
    expect(store.get()).toMatchObject({ shown: "quick", loading: false });
  });

  it("asks once for a word typed in one go", async () => {
    const list = vi.fn(async () => page());
    const { board, store } = boardWith({}, { list });
    for (const query of ["m", "mi", "mil", "milk"]) {
      board.search(query);
      await vi.advanceTimersByTimeAsync(100);
    }
    await vi.advanceTimersByTimeAsync(200);
    expect(list.mock.calls.length).toBe(1);
    expect(store.get().announcement).toBe("No notes found.");
  });

  it("reloads as deep as the user has gone", async () => {
    const all = Array.from({ length: 130 }, (_, index) => note(130 - index));
    const list = vi.fn(async (_query: string, cursor: string | null, limit: number) => {
      const from = Number(cursor ?? 0);
      const next = from + limit;
      return { notes: all.slice(from, next), next_cursor: next < all.length ? String(next) : null };
    });
    const { board, ids } = boardWith({}, { list });
    await board.load();
    await board.more();
    expect(ids()).toHaveLength(100);
    await board.more();
    expect(ids()).toHaveLength(130);
    await board.load();
    expect(ids()).toHaveLength(130);
  });
});

describe("a service in trouble", () => {
  it("is noticed at once by the stream's word, and recovers by it", async () => {
    const list = vi.fn(async () => page(note(1)));
    const { board, store } = boardWith({}, { list });
    board.handle({ type: "status", ready: false, checks: { database: "refused", redis: "ok" } });
    expect(troubleOf(store.get())?.kind).toBe("database");
    board.handle({ type: "status", ready: true, checks: { database: "ok", redis: "ok" } });
    await vi.advanceTimersByTimeAsync(0);
    expect(troubleOf(store.get())).toBeNull();
    expect(list).toHaveBeenCalledTimes(1);
  });

  it("is asked again every two seconds after a 503, until it answers", async () => {
    let down = true;
    const list = vi.fn(async () => {
      if (down) throw failure("unavailable");
      return page(note(1));
    });
    const { board, store, ids } = boardWith({ loaded: false }, { list });
    await board.load();
    expect(troubleOf(store.get())?.kind).toBe("database");
    await vi.advanceTimersByTimeAsync(6_000);
    expect(list.mock.calls.length).toBe(4);
    down = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(troubleOf(store.get())).toBeNull();
    expect(ids()).toEqual([1]);
  });

  it("is noticed without the stream within seconds", async () => {
    const list = async () => Promise.reject(failure("unreachable"));
    const stats = async () => Promise.reject(failure("unreachable"));
    const { board, store } = boardWith({}, { list, stats });
    board.connected("reconnecting");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(troubleOf(store.get())?.kind).toBe("unreachable");
  });

  it("does not forget a failure that is none of those, and does not take it for the user's", async () => {
    const { board, store } = boardWith({}, { list: async () => Promise.reject(failure("failed")) });
    await board.load();
    expect(troubleOf(store.get())?.kind).toBe("failing");
  });

  it("shows no trouble when only the counters fail", async () => {
    const stats = async () => Promise.reject(failure("unavailable"));
    const { board, store } = boardWith({}, { stats });
    board.handle({ type: "note.deleted", id: 1 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(troubleOf(store.get())).toBeNull();
  });

  it("says offline as long as the browser does", async () => {
    const { board, store } = boardWith();
    board.online(false);
    expect(troubleOf(store.get())?.kind).toBe("offline");
    board.online(true);
    expect(troubleOf(store.get())).toBeNull();
  });
});

describe("a new note", () => {
  it("appears, once, and empties the form", async () => {
    const { board, store, ids } = boardWith(composing);
    expect(await board.add()).toBe(true);
    board.handle({ type: "note.created", note: note(100, draft) });
    expect(ids()).toEqual([100]);
    expect(store.get().composer).toEqual(initialState.composer);
    expect(store.get().announcement).toBe("New note: Milk");
  });

  it("needs a title", async () => {
    const create = vi.fn();
    const { board, store } = boardWith({}, { create });
    board.compose({ title: "  " });
    expect(await board.add()).toBe(false);
    expect(store.get().composer.problem).toBe("A note needs a title.");
    expect(create).not.toHaveBeenCalled();
  });

  it("keeps what was typed when it fails, and says why", async () => {
    const { board, store } = boardWith(composing, { create: async () => Promise.reject(failure("failed")) });
    expect(await board.add()).toBe(false);
    expect(store.get().composer).toEqual({ draft, busy: false, problem: "it is failed (request req-1)" });
  });

  it("is sent once, however often the button is pressed", async () => {
    const create = vi.fn(async () => note(1));
    const { board } = boardWith(composing, { create });
    await Promise.all([board.add(), board.add()]);
    expect(create).toHaveBeenCalledTimes(1);
  });
});

describe("an edit", () => {
  it("is saved over the version that it began with", async () => {
    const update = vi.fn(async (id: number, version: number) =>
      note(id, { version: version + 1, title: "new" }),
    );
    const { board, store } = boardWith({ list: listOf(note(1, { version: 3 })) }, { update });
    board.edit(note(1, { version: 3 }));
    board.revise(1, { title: "new" });
    await board.save(1);
    expect(update).toHaveBeenCalledWith(1, 3, { title: "new", body: "text 1" });
    expect(store.get().edits).toEqual({});
    expect(store.get().list.notes[0]).toMatchObject({ version: 4, title: "new" });
  });

  it("that lost a race shows the other text, and can replace it on purpose", async () => {
    const theirs = note(1, { version: 2, title: "theirs" });
    const update = vi
      .fn<(id: number, version: number) => Promise<Note>>()
      .mockRejectedValueOnce(failure("conflict", theirs))
      .mockResolvedValueOnce(note(1, { version: 3, title: "mine" }));
    const { board, store } = boardWith({ list: listOf(note(1)) }, { update });
    board.edit(note(1));
    board.revise(1, { title: "mine" });
    await board.save(1);
    expect(conflictOf(store.get(), 1)).toEqual({ kind: "changed", theirs });
    expect(store.get().edits[1]).toMatchObject({ problem: null, draft: { title: "mine" } });
    await board.save(1, theirs);
    expect(update.mock.calls[1]?.[1]).toBe(2);
    expect(store.get().list.notes[0]?.title).toBe("mine");
    expect(conflictOf(store.get(), 1)).toBeNull();
  });

  it("of a note deleted meanwhile keeps its text, which can become a new note", async () => {
    const { board, store, ids } = boardWith({ list: listOf(note(1)) });
    board.edit(note(1));
    board.revise(1, { title: "mine" });
    board.handle({ type: "note.deleted", id: 1 });
    expect(conflictOf(store.get(), 1)).toEqual({ kind: "deleted" });
    await board.saveAsNew(1);
    expect(ids()).toEqual([100]);
    expect(store.get().edits).toEqual({});
  });

  it("learns of a deletion from the refusal as well", async () => {
    const { board, store } = boardWith(
      { list: listOf(note(1)) },
      { update: async () => Promise.reject(failure("missing")) },
    );
    board.edit(note(1));
    await board.save(1);
    expect(conflictOf(store.get(), 1)).toEqual({ kind: "deleted" });
  });

  it("survives an outage with its text", async () => {
    const { board, store } = boardWith(
      { list: listOf(note(1)) },
      { update: async () => Promise.reject(failure("unavailable")) },
    );
    board.edit(note(1));
    board.revise(1, { title: "mine" });
    await board.save(1);
    expect(store.get().edits[1]).toMatchObject({ busy: false, draft: { title: "mine" } });
    expect(store.get().edits[1]?.problem).toContain("try again");
    expect(store.get().reach).toBe("unavailable");
  });
});

describe("a deletion", () => {
  it("can be undone for ten seconds", async () => {
    const { board, store, ids } = boardWith({ list: listOf(note(1, draft)) });
    await board.remove(note(1, draft));
    expect(ids()).toEqual([]);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(store.get().notice?.undo?.id).toBe(1);
    await board.undo();
    expect(store.get().list.notes[0]).toMatchObject(draft);
    expect(store.get().notice).toBeNull();

    await board.remove(note(100, draft));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(store.get().notice).toBeNull();
  });

  it("of a note that is gone already is done", async () => {
    const remove = async () => Promise.reject(failure("missing"));
    const { board, ids } = boardWith({ list: listOf(note(1)) }, { remove });
    await board.remove(note(1));
    expect(ids()).toEqual([]);
  });

  it("that fails leaves the note and says so", async () => {
    const remove = async () => Promise.reject(failure("unavailable"));
    const { board, store, ids } = boardWith({ list: listOf(note(1)) }, { remove });
    await board.remove(note(1));
    expect(ids()).toEqual([1]);
    expect(store.get().notice?.text).toContain("was not deleted");
    expect(store.get().removing.size).toBe(0);
  });

  it("whose undo fails can be tried again", async () => {
    const create = async () => Promise.reject(failure("unreachable"));
    const { board, store } = boardWith({ notice: { text: "", undo: note(1) } }, { create });
    await board.undo();
    expect(store.get().notice?.undo?.id).toBe(1);
  });
});

describe("news from other pages", () => {
  it("changes list and counters", async () => {
    const stats = vi.fn(async () => ({ notes: 5, visits: 9 }));
    const { board, store, ids } = boardWith({ list: listOf(note(1)) }, { stats });
    board.handle({ type: "hello", version: "v7", instance: "a" });
    board.handle({ type: "note.created", note: note(2) });
    board.handle({ type: "note.created", note: note(3) });
    board.handle({ type: "note.deleted", id: 1 });
    await vi.advanceTimersByTimeAsync(300);
    expect(ids()).toEqual([3, 2]);
    expect(stats).toHaveBeenCalledTimes(1);
    expect(store.get()).toMatchObject({ versions: { backend: "v7" }, stats: { notes: 5 } });
  });

  it("loads again on resync", async () => {
    const { board, ids } = boardWith({ list: listOf(note(1)) }, { list: async () => page(note(2)) });
    board.handle({ type: "resync" });
    await vi.advanceTimersByTimeAsync(0);
    expect(ids()).toEqual([2]);
  });

  it("leaves no timer behind when stopped", async () => {
    const { board } = boardWith();
    await board.load();
    board.handle({ type: "note.deleted", id: 1 });
    board.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
