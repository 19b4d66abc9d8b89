// @vitest-environment happy-dom
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { State } from "../src/store";
import { App } from "../src/view/App";
import { ago } from "../src/view/time";
import { boardWith, type FakeApi, failure, listOf, note } from "./helpers";

let root: HTMLElement;
let end = () => {};

beforeEach(() => {
  root = document.body.appendChild(document.createElement("div"));
});
afterEach(() => {
  end();
  render(null, root);
  root.remove();
});

/** The whole page on a board, drawn again at each change as main.tsx does it. */
function show(change: Partial<State> = {}, api: Partial<FakeApi> = {}) {
  const result = boardWith(change, api);
  act(() => {
    end = result.store.subscribe((state) => render(<App state={state} board={result.board} />, root));
  });
  return result;
}

const all = (testid: string) => [...root.querySelectorAll<HTMLElement>(`[data-testid="${testid}"]`)];
const one = (testid: string) => all(testid)[0] ?? expect.unreachable(`nothing has the test id ${testid}`);
/** Does it, and lets everything that it sets off come to its end. */
const settled = (action: () => void) =>
  act(async () => {
    action();
    await new Promise((resolve) => setImmediate(resolve));
  });
const click = (testid: string) => settled(() => one(testid).click());
const type = (testid: string, value: string) =>
  act(() => {
    (one(testid) as HTMLInputElement).value = value;
    one(testid).dispatchEvent(new InputEvent("input", { bubbles: true }));
  });
const press = (testid: string, key: string, keys = {}) =>
  act(
    async () => void one(testid).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...keys })),
  );
const focused = () => (document.activeElement as HTMLElement | null)?.dataset.testid;

describe("the page", () => {
  it("shows loading, then an empty board, then notes", async () => {
    const { store } = show({ loaded: false });
    expect(all("loading")).toHaveLength(1);
    await act(() => store.set({ loaded: true }));
    expect(one("empty").textContent).toContain("Nothing on the board yet");
    await act(() => store.set({ list: listOf(note(2), note(1)) }));
    expect(all("empty")).toHaveLength(0);
    expect(all("note-title").map((title) => title.textContent)).toEqual(["Note 2", "Note 1"]);
  });

  it("tells a search without a result from an empty board", () => {
    show({ shown: "milk" });
    expect(one("empty").textContent).toContain("No note has all of these words");
  });

  it("shows text as text", () => {
    show({ list: listOf(note(1, { title: "<b>bold</b>", body: "<script>1</script>" })) });
    expect(one("note-title").textContent).toBe("<b>bold</b>");
    expect(root.querySelector("b, script")).toBeNull();
  });

  it("names every control", () => {
    show({ list: listOf(note(1)), notice: { text: "Deleted.", undo: note(2) } });
    for (const control of root.querySelectorAll<HTMLInputElement>("button, input, textarea")) {
      const labels = control.id ? root.querySelector(`label[for="${control.id}"]`)?.textContent : null;
      expect(control.getAttribute("aria-label") ?? labels ?? control.textContent).toBeTruthy();
    }
  });

  it("has no inline style, which a strict content security policy would refuse", () => {
    show({ list: listOf(note(1)), loaded: false });
    expect(root.querySelector("[style], style, script")).toBeNull();
  });

  it("shows versions, counters and the connection", async () => {
    const { store } = show({
      versions: { frontend: "v1", backend: "v2", newer: null },
      stats: { notes: 1234, visits: 5 },
    });
    expect(one("version-frontend").textContent).toBe("v1");
    expect(one("version-backend").textContent).toBe("v2");
    expect(one("stat-notes").textContent).toBe("1,234");
    expect(one("connection").dataset.state).toBe("live");
    expect(all("new-version")).toHaveLength(0);
    await act(() => store.set({ online: false, versions: { frontend: "v1", backend: "v2", newer: "v3" } }));
    expect(one("connection").dataset.state).toBe("offline");
    expect(one("new-version").textContent).toContain("v3");
  });

  it("shows the banner while there is trouble", async () => {
    const { store } = show({ reach: "unavailable" });
    expect(one("status-banner").dataset.kind).toBe("database");
    expect(one("status-banner").closest('[role="alert"]')).not.toBeNull();
    await act(() => store.set({ reach: "ok" }));
    expect(all("status-banner")).toHaveLength(0);
  });
});

describe("writing", () => {
  it("adds a note and is ready for the next", async () => {
    show();
    type("new-note-title", "Milk");
    type("new-note-body", "two litres");
    await click("new-note-submit");
    expect(one("note-title").textContent).toBe("Milk");
    expect(one("note-body").textContent).toBe("two litres");
    expect((one("new-note-title") as HTMLInputElement).value).toBe("");
    expect(focused()).toBe("new-note-title");
    expect(one("announcer").textContent).toBe("New note: Milk");
  });

  it("ties what is wrong to the field", async () => {
    show();
    await press("new-note-body", "Enter", { ctrlKey: true });
    const title = one("new-note-title");
    expect(title.getAttribute("aria-invalid")).toBe("true");
    expect(root.querySelector(`#${title.getAttribute("aria-describedby")}`)?.textContent).toBe(
      "A note needs a title.",
    );
  });

  it("edits in place and gives the focus back", async () => {
    show({ list: listOf(note(2), note(1)) });
    await click("note-edit");
    expect(focused()).toBe("edit-title");
    type("edit-title", "Changed");
    await press("edit-title", "Enter", { ctrlKey: true });
    expect(all("edit")).toHaveLength(0);
    expect(one("note-title").textContent).toBe("Changed");
    expect(one("note").dataset.version).toBe("2");
    expect(focused()).toBe("note-edit");
  });

  it("drops an edit on Escape", async () => {
    show({ list: listOf(note(1)) });
    await click("note-edit");
    type("edit-title", "Changed");
    await press("edit-body", "Escape");
    expect(one("note-title").textContent).toBe("Note 1");
    expect(focused()).toBe("note-edit");
  });

  it("leaves Enter and Escape to an input method that composes", async () => {
    show({ list: listOf(note(1)) });
    await click("note-edit");
    await press("edit-title", "Escape", { isComposing: true });
    expect(all("edit")).toHaveLength(1);
  });

  it("lets the user choose when somebody else was quicker", async () => {
    const { board } = show({ list: listOf(note(1)) });
    await click("note-edit");
    type("edit-title", "Mine");
    await act(() => board.handle({ type: "note.updated", note: note(1, { version: 2, title: "Theirs" }) }));
    expect(one("conflict-theirs").textContent).toContain("Theirs");
    expect((one("edit-title") as HTMLInputElement).value).toBe("Mine");
    await click("conflict-keep");
    expect(one("note-title").textContent).toBe("Mine");
    expect(one("note").dataset.version).toBe("3");
  });

  it("keeps the text of an edit whose note is deleted elsewhere", async () => {
    const { board } = show({ list: listOf(note(1)) });
    await click("note-edit");
    type("edit-title", "Mine");
    await act(() => board.handle({ type: "note.deleted", id: 1 }));
    expect(one("conflict").dataset.kind).toBe("deleted");
    await click("conflict-keep");
    expect(one("note-title").textContent).toBe("Mine");
  });
});

describe("deleting", () => {
  it("moves the focus to the note that takes the place, then offers to undo", async () => {
    show({ list: listOf(note(3), note(2), note(1)) });
    const second = all("note-delete")[1];
    second?.focus();
    await settled(() => second?.click());
    expect(all("note").map((each) => each.dataset.noteId)).toEqual(["3", "1"]);
    expect(document.activeElement?.closest<HTMLElement>("[data-note-id]")?.dataset.noteId).toBe("1");
    await click("undo");
    expect(one("note-title").textContent).toBe("Note 2");
  });

  it("moves the focus to the heading when no note is left", async () => {
    show({ list: listOf(note(1)) });
    one("note-delete").focus();
    await click("note-delete");
    expect(document.activeElement?.id).toBe("notes-heading");
  });

  it("says so when it fails", async () => {
    show({ list: listOf(note(1)) }, { remove: async () => Promise.reject(failure("unavailable")) });
    await click("note-delete");
    expect(one("notice").textContent).toContain("was not deleted");
    expect(all("note")).toHaveLength(1);
  });
});

describe("ago", () => {
  const now = Date.parse("2026-01-02T12:00:00Z");
  it.each([
    ["2026-01-02T12:00:30Z", "just now"],
    ["2026-01-02T11:59:30Z", "just now"],
    ["2026-01-02T11:58:01Z", "1 minute ago"],
    ["2026-01-02T09:00:00Z", "3 hours ago"],
    ["2026-01-01T09:00:00Z", "yesterday"],
  ])("%s: %s", (time, words) => {
    expect(ago(Date.parse(time), now)).toBe(words);
  });
});
