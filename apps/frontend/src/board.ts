import { type Api, ApiError, type Draft, type Note, type Page } from "./api";
import type { BoardEvent, Connection } from "./events";
import { extend, type NoteList, place, remove, restart } from "./list";
import { type Composer, type Edit, emptyComposer, type State, type Store } from "./store";

const pageSize = 50;
const largestPage = 100;
const searchDelay = 200;
const statsDelay = 300;
const noticeTime = 10_000;
/** How long until the next look at the server, by how things stand. */
const pulse = { failing: 2_000, withoutStream: 5_000, live: 20_000 };

type Change = (list: NoteList, query: string) => NoteList;

/** What a user, the event stream or time can do to the board. Each method ends in a new state, never in an error. */
export class Board {
  private loading: AbortController | undefined;
  /** Changes since the last list was asked for: it may be older than they are. */
  private meanwhile: Change[] = [];
  private readonly timers: Partial<
    Record<"pulse" | "search" | "stats" | "notice", ReturnType<typeof setTimeout>>
  > = {};

  constructor(
    private readonly store: Store<State>,
    private readonly api: Api,
  ) {}

  start(query: string): void {
    this.store.set({ query, shown: query });
    void this.load();
    void this.count(() => this.api.visit());
  }

  stop(): void {
    this.loading?.abort();
    for (const timer of Object.values(this.timers)) clearTimeout(timer);
  }

  // ---- the list

  /** Loads the list again, as deep as it is loaded now. A newer load replaces an older one. */
  async load(): Promise<void> {
    const { query, shown, list } = this.store.get();
    const depth = query === shown ? list.notes.length : 0;
    await this.fetchList(
      (signal) => this.pages(query, depth, signal),
      (page) => ({ list: restart(this.store.get().list, page), shown: query, loaded: true }),
    );
    if (query !== shown && this.store.get().shown === query) this.announce(found(this.store.get()));
  }

  async more(): Promise<void> {
    const { list, shown, loading } = this.store.get();
    if (list.cursor === null || loading) return;
    await this.fetchList(
      (signal) => this.api.list(shown, list.cursor, pageSize, signal),
      (page) => ({ list: extend(this.store.get().list, page) }),
    );
  }

  search(query: string): void {
    this.store.set({ query });
    this.after("search", searchDelay, () => void this.load());
  }

  // ---- new notes

  compose(change: Partial<Draft>): void {
    const { composer } = this.store.get();
    this.store.set({ composer: { ...composer, draft: { ...composer.draft, ...change }, problem: null } });
  }

  /** True when the note is on the board. */
  async add(): Promise<boolean> {
    const { composer } = this.store.get();
    if (composer.busy) return false;
    const problem = problemOf(composer.draft);
    if (problem) {
      this.store.set({ composer: { ...composer, problem } });
      return false;
    }
    this.store.set({ composer: { ...composer, busy: true, problem: null } });
    try {
      this.arrived(await this.api.create(composer.draft));
      this.store.set({ composer: emptyComposer });
      this.succeeded();
      return true;
    } catch (error) {
      this.store.set({ composer: { ...composer, busy: false, problem: this.failed(error) } });
      return false;
    }
  }

  // ---- edits in place

  edit(note: Note): void {
    this.setEdit(note.id, {
      base: note,
      draft: { title: note.title, body: note.body },
      busy: false,
      problem: null,
    });
  }

  revise(id: number, change: Partial<Draft>): void {
    const edit = this.store.get().edits[id];
    if (edit) this.setEdit(id, { ...edit, draft: { ...edit.draft, ...change }, problem: null });
  }

  cancel(id: number): void {
    const { [id]: _, ...edits } = this.store.get().edits;
    this.store.set({ edits });
  }

  /** Saves over the version that the edit began with; `over` names a newer one to replace on purpose. */
  async save(id: number, over?: Note): Promise<void> {
    const edit = this.store.get().edits[id];
    if (!edit || edit.busy) return;
    const base = over ?? edit.base;
    const problem = problemOf(edit.draft);
    if (problem) {
      this.setEdit(id, { ...edit, problem });
      return;
    }
    this.setEdit(id, { ...edit, base, busy: true, problem: null });
    try {
      const note = await this.api.update(id, base.version, edit.draft);
      this.change((list, query) => place(list, note, query));
      this.cancel(id);
      this.announce(`Saved: ${note.title}`);
      this.succeeded();
    } catch (error) {
      // Both of these show as a conflict (store.ts, conflictOf), so they need no message of their own.
      const known = this.conflicted(id, error);
      this.setEdit(id, { ...edit, base, busy: false, problem: known ? null : this.failed(error) });
    }
  }

  /** Puts the text of a note that was deleted meanwhile on the board as a new one. */
  async saveAsNew(id: number): Promise<void> {
    const edit = this.store.get().edits[id];
    if (!edit || edit.busy) return;
    this.setEdit(id, { ...edit, busy: true, problem: null });
    try {
      this.arrived(await this.api.create(edit.draft));
      this.cancel(id);
      this.succeeded();
    } catch (error) {
      this.setEdit(id, { ...edit, busy: false, problem: this.failed(error) });
    }
  }

  // ---- deletion

  async remove(note: Note): Promise<void> {
    if (this.store.get().removing.has(note.id)) return;
    this.setRemoving(note.id, true);
    try {
      await this.api.remove(note.id).catch((error) => {
        if (!(error instanceof ApiError && error.failure === "missing")) throw error;
      });
      this.change((list) => remove(list, note.id));
      this.notify(`Deleted “${note.title}”.`, note);
      this.succeeded();
    } catch (error) {
      this.notify(`“${note.title}” was not deleted. ${this.failed(error)}`);
    }
    this.setRemoving(note.id, false);
  }

  /** Brings the last deleted note back, as a new one: to every other page it has been gone already. */
  async undo(): Promise<void> {
    const note = this.store.get().notice?.undo;
    if (!note) return;
    this.dismiss();
    try {
      this.arrived(await this.api.create({ title: note.title, body: note.body }));
      this.succeeded();
    } catch (error) {
      this.notify(`“${note.title}” is not back yet. ${this.failed(error)}`, note);
    }
  }

  dismiss(): void {
    clearTimeout(this.timers.notice);
    this.store.set({ notice: null });
  }

  // ---- news from outside

  handle(event: BoardEvent): void {
    switch (event.type) {
      case "hello":
        this.store.set({ versions: { ...this.store.get().versions, backend: event.version } });
        break;
      case "resync":
        void this.load();
        this.countSoon();
        break;
      case "status":
        this.healthChanged(event.ready, event.checks);
        break;
      case "note.created":
        this.arrived(event.note);
        break;
      case "note.updated":
        this.change((list, query) => place(list, event.note, query));
        break;
      case "note.deleted":
        this.change((list) => remove(list, event.id));
        this.countSoon();
        break;
    }
  }

  connected(connection: Connection): void {
    // Without the stream nobody tells us when the service recovers, so what it said last counts no more.
    this.store.set(connection === "live" ? { connection } : { connection, health: null });
    if (connection === "reconnecting") this.lookNow();
  }

  online(online: boolean): void {
    this.store.set({ online });
    if (online) void this.load();
  }

  // ---- inside

  /** Takes in what `ask` brings, then once more whatever happened while it was on its way. */
  private async fetchList(
    ask: (signal: AbortSignal) => Promise<Page>,
    take: (page: Page) => Partial<State> & Pick<State, "list">,
  ): Promise<void> {
    this.loading?.abort();
    const aborter = new AbortController();
    this.loading = aborter;
    this.meanwhile = [];
    this.store.set({ loading: true });
    try {
      const page = await ask(aborter.signal);
      const taken = take(page);
      const query = taken.shown ?? this.store.get().shown;
      const list = this.meanwhile.reduce((result, change) => change(result, query), taken.list);
      this.store.set({ ...taken, list, loading: false });
      this.succeeded();
    } catch (error) {
      if (aborter.signal.aborted) return; // a newer one is under way
      this.failed(error);
      if (this.store.get().reach === "ok") this.store.set({ reach: "failing" });
      this.store.set({ loading: false });
    }
    this.schedule();
  }

  private healthChanged(ready: boolean, checks: Readonly<Record<string, string>>): void {
    const before = this.store.get();
    this.store.set({ health: { ready, checks } });
    const recovered = ready && (before.reach !== "ok" || before.health?.ready === false);
    if (recovered) void this.load();
  }

  private async pages(query: string, depth: number, signal: AbortSignal): Promise<Page> {
    const limit = Math.min(Math.max(depth, pageSize), largestPage);
    let page = await this.api.list(query, null, limit, signal);
    while (page.next_cursor !== null && page.notes.length < depth) {
      const next = await this.api.list(query, page.next_cursor, limit, signal);
      page = { notes: [...page.notes, ...next.notes], next_cursor: next.next_cursor };
    }
    return page;
  }

  private change(change: Change): void {
    const { list, shown, loading } = this.store.get();
    if (loading) this.meanwhile.push(change);
    this.store.set({ list: change(list, shown) });
  }

  private arrived(note: Note): void {
    const before = this.store.get().list;
    this.change((list, query) => place(list, note, query));
    if (this.store.get().list !== before) this.announce(`New note: ${note.title}`);
    this.countSoon();
  }

  /** Takes in what a refused change tells about the note; false: it was refused for another reason. */
  private conflicted(id: number, error: unknown): boolean {
    if (!(error instanceof ApiError)) return false;
    if (error.failure === "missing") {
      this.change((list) => remove(list, id));
      return true;
    }
    const { current } = error;
    if (error.failure !== "conflict" || current === null) return false;
    this.change((list, query) => place(list, current, query));
    return true;
  }

  private countSoon(): void {
    this.after("stats", statsDelay, () => void this.count());
  }

  private async count(ask = () => this.api.stats()): Promise<void> {
    try {
      this.store.set({ stats: await ask() });
    } catch {
      // Counters may fail alone (they live in Redis, too); the list is what tells how the service is.
      await this.load();
    }
  }

  private succeeded(): void {
    if (this.store.get().reach !== "ok") this.store.set({ reach: "ok" });
  }

  /** Notes what a failure says about the server, and gives the words for it. */
  private failed(error: unknown): string {
    if (!(error instanceof ApiError)) throw error; // a fault of this program: let the browser report it
    if (error.failure === "unavailable" || error.failure === "unreachable") {
      this.store.set({ reach: error.failure });
      this.schedule();
      return "Please try again when the connection is back.";
    }
    const details = Object.entries(error.fields).map(([field, problem]) => `${field} ${problem}`);
    const text = details.length > 0 ? details.join("; ") : error.message;
    return error.requestId ? `${text} (request ${error.requestId})` : text;
  }

  /** Looks at the server from time to time: the stream may be dead without anybody noticing. */
  private schedule(): void {
    const { reach, connection } = this.store.get();
    const delay = reach !== "ok" ? pulse.failing : connection === "live" ? pulse.live : pulse.withoutStream;
    this.after("pulse", delay, () => this.look());
  }

  private lookNow(): void {
    this.after("pulse", statsDelay, () => this.look());
  }

  private look(): void {
    if (this.store.get().reach !== "ok" || !this.store.get().loaded) void this.load();
    else void this.count().then(() => this.schedule());
  }

  private setEdit(id: number, edit: Edit): void {
    this.store.set({ edits: { ...this.store.get().edits, [id]: edit } });
  }

  private setRemoving(id: number, busy: boolean): void {
    const removing = new Set(this.store.get().removing);
    if (busy) removing.add(id);
    else removing.delete(id);
    this.store.set({ removing });
  }

  private notify(text: string, undo: Note | null = null): void {
    this.store.set({ notice: { text, undo } });
    this.announce(text);
    this.after("notice", noticeTime, () => this.dismiss());
  }

  private announce(announcement: string): void {
    this.store.set({ announcement });
  }

  private after(name: keyof typeof this.timers, milliseconds: number, action: () => void): void {
    clearTimeout(this.timers[name]);
    this.timers[name] = setTimeout(action, milliseconds);
  }
}

/** The backend checks again; this only saves a round trip for the usual slip. */
function problemOf({ title }: Composer["draft"]): string | null {
  return title.trim() === "" ? "A note needs a title." : null;
}

function found({ list }: State): string {
  const count = list.notes.length;
  if (count === 0) return "No notes found.";
  return `${count}${list.cursor === null ? "" : " or more"} ${count === 1 ? "note" : "notes"} found.`;
}
