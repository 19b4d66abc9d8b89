import { ApiError, type Draft, type Failure, type Note, type Page } from "../src/api";
import { Board } from "../src/board";
import { initialState, type State, Store } from "../src/store";

export function note(id: number, change: Partial<Note> = {}): Note {
  return {
    id,
    title: `Note ${id}`,
    body: `text ${id}`,
    version: 1,
    created_at: "2026-01-02T03:04:05Z",
    updated_at: "2026-01-02T03:04:05Z",
    ...change,
  };
}

export function page(...notes: Note[]): Page {
  return { notes, next_cursor: null };
}

export const failure = (kind: Failure, current: Note | null = null) =>
  new ApiError(kind, `it is ${kind}`, "req-1", {}, current);

/** The calls of Api as replaceable functions; by default a board without notes. */
export class FakeApi {
  list = async (_query: string, _cursor: string | null, _limit: number, _signal?: AbortSignal) => page();
  create = async (draft: Draft) => note(100, draft);
  update = async (id: number, version: number, draft: Draft) => note(id, { ...draft, version: version + 1 });
  remove = async (_id: number) => {};
  stats = async () => ({ notes: 0, visits: 1 });
  visit = async () => ({ notes: 0, visits: 1 });
}

export function boardWith(change: Partial<State> = {}, api: Partial<FakeApi> = {}) {
  const store = new Store<State>({ ...initialState, loaded: true, connection: "live", ...change });
  const fake = Object.assign(new FakeApi(), api);
  // Api has a private field, which keeps TypeScript from taking another class for it.
  const board = new Board(store, fake as unknown as ConstructorParameters<typeof Board>[1]);
  return { store, board, api: fake, ids: () => store.get().list.notes.map((each) => each.id) };
}

export function listOf(...notes: Note[]): State["list"] {
  return { notes, cursor: null, gone: new Set() };
}

/** A promise to settle by hand, for answers that are still on their way. */
export function pending<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
