import { describe, expect, it } from "vitest";
import { emptyList, extend, matches, type NoteList, place, remove, restart } from "../src/list";
import { listOf, note, page } from "./helpers";

const ids = (list: NoteList) => list.notes.map((each) => each.id);

describe("place", () => {
  it("puts the newest first, wherever it comes from", () => {
    const list = [2, 3, 1].reduce((result, id) => place(result, note(id), ""), emptyList);
    expect(ids(list)).toEqual([3, 2, 1]);
  });

  it("takes a higher version and passes over a lower or equal one", () => {
    const list = listOf(note(1, { version: 3 }));
    expect(place(list, note(1, { version: 3, title: "late" }), "")).toBe(list);
    expect(place(list, note(1, { version: 4, title: "new" }), "").notes[0]?.title).toBe("new");
  });

  it("never brings back a deleted note", () => {
    const list = remove(listOf(note(1)), 1);
    expect(ids(place(list, note(1, { version: 9 }), ""))).toEqual([]);
    expect(ids(restart(list, page(note(2), note(1))))).toEqual([2]);
  });

  it("leaves to later pages what belongs there", () => {
    const list = { ...listOf(note(9), note(8)), cursor: "more" };
    expect(ids(place(list, note(3), ""))).toEqual([9, 8]);
    expect(ids(place(list, note(10), ""))).toEqual([10, 9, 8]);
  });

  it("keeps to the search: what fits comes in, what no longer fits goes", () => {
    const list = listOf(note(1, { title: "milk" }));
    expect(place(list, note(2, { title: "bread" }), "milk")).toBe(list);
    expect(ids(place(list, note(3, { title: "Milk!" }), "milk"))).toEqual([3, 1]);
    expect(ids(place(list, note(1, { title: "bread", version: 2 }), "milk"))).toEqual([]);
  });
});

describe("matches", () => {
  it.each([
    ["", true],
    ["  ", true],
    ["LITRES milk", true],
    ["milk bread", false],
    ["two lit", true],
  ])("%j: %s", (query, expected) => {
    expect(matches(note(1, { title: "Milk", body: "two litres" }), query)).toBe(expected);
  });
});

describe("pages", () => {
  it("join without repeating a note that moved across their border", () => {
    const list = { ...listOf(note(5), note(4)), cursor: "a" };
    const joined = extend(list, { notes: [note(4), note(3)], next_cursor: "b" });
    expect(ids(joined)).toEqual([5, 4, 3]);
    expect(joined.cursor).toBe("b");
  });

  it("replace everything on a restart", () => {
    expect(ids(restart(listOf(note(9)), page(note(2), note(1))))).toEqual([2, 1]);
  });
});

describe("remove", () => {
  it("changes nothing the second time", () => {
    const list = remove(listOf(note(1)), 1);
    expect(remove(list, 1)).toBe(list);
  });
});
