import type { Draft, Note, Stats } from "./api";
import type { Connection } from "./events";
import { emptyList, type NoteList } from "./list";

/** Everything that the page shows. The views are functions of this value; only board.ts changes it. */
export interface State {
  /** What is in the search box, and what the list below was loaded for. They differ while a search runs. */
  readonly query: string;
  readonly shown: string;

  readonly list: NoteList;
  readonly loaded: boolean;
  readonly loading: boolean;

  readonly composer: Composer;
  readonly edits: Readonly<Record<number, Edit>>;
  readonly removing: ReadonlySet<number>;
  readonly notice: Notice | null;

  readonly online: boolean;
  readonly connection: Connection;
  /** How the last call went that says something about the service. */
  readonly reach: Reach;
  /** What the backend last said about itself; null: nothing, or too long ago. */
  readonly health: Health | null;

  readonly stats: Stats | null;
  readonly versions: Versions;
  /** For people who hear the page: the last thing that happened. */
  readonly announcement: string;
}

export type Reach = "ok" | "unavailable" | "unreachable" | "failing";

export interface Health {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, string>>;
}

export interface Composer {
  readonly draft: Draft;
  readonly busy: boolean;
  readonly problem: string | null;
}

export interface Edit extends Composer {
  /** The note as it was when the edit began: what a conflict is measured against. */
  readonly base: Note;
}

/** A short message that goes away by itself; `undo` is the note that a button brings back. */
export interface Notice {
  readonly text: string;
  readonly undo: Note | null;
}

export interface Versions {
  readonly frontend: string | null;
  readonly backend: string | null;
  /** The frontend that a reload would bring, when it is another than this one. */
  readonly newer: string | null;
}

export const emptyComposer: Composer = { draft: { title: "", body: "" }, busy: false, problem: null };

export const initialState: State = {
  query: "",
  shown: "",
  list: emptyList,
  loaded: false,
  loading: false,
  composer: emptyComposer,
  edits: {},
  removing: new Set(),
  notice: null,
  online: true,
  connection: "connecting",
  reach: "ok",
  health: null,
  stats: null,
  versions: { frontend: null, backend: null, newer: null },
  announcement: "",
};

/** One value and those who want to know when it changes. */
export class Store<T extends object> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private value: T) {}

  get(): T {
    return this.value;
  }

  set(change: Partial<T>): void {
    this.value = { ...this.value, ...change };
    for (const listener of this.listeners) listener(this.value);
  }

  /** Calls the listener now and after each change; the result ends it. */
  subscribe(listener: (value: T) => void): () => void {
    this.listeners.add(listener);
    listener(this.value);
    return () => this.listeners.delete(listener);
  }
}

/** The notes to show: those of the list, and those under edit that have left it (deleted, or no longer found). */
export function visibleNotes({ list, edits }: State): readonly Note[] {
  const listed = new Set(list.notes.map((note) => note.id));
  const orphans = Object.values(edits)
    .map((edit) => edit.base)
    .filter((note) => !listed.has(note.id));
  return orphans.length === 0 ? list.notes : [...list.notes, ...orphans].sort((a, b) => b.id - a.id);
}

export type Conflict = { kind: "changed"; theirs: Note } | { kind: "deleted" };

/** What happened to a note while somebody edits it here. */
export function conflictOf({ list, edits }: State, id: number): Conflict | null {
  const edit = edits[id];
  if (!edit || edit.busy) return null; // while saving, the news is most likely our own change
  if (list.gone.has(id)) return { kind: "deleted" };
  const now = list.notes.find((note) => note.id === id);
  return now && now.version > edit.base.version ? { kind: "changed", theirs: now } : null;
}

export interface Trouble {
  readonly kind: "offline" | "unreachable" | "database" | "failing" | "impaired";
  readonly text: string;
}

/** The one thing to say about the service, worst first; null: all is well. */
export function troubleOf({ online, reach, health }: State): Trouble | null {
  if (!online) return { kind: "offline", text: "You are offline. What you type stays here." };
  if (reach === "unreachable") {
    return { kind: "unreachable", text: "The server does not answer. Retrying; what you type stays here." };
  }
  const failing = health && !health.ready ? failingChecks(health) : [];
  if (reach === "unavailable" || failing.includes("database")) {
    return { kind: "database", text: "The database is unavailable. Retrying; what you type stays here." };
  }
  if (reach === "failing") return { kind: "failing", text: "The server reports a fault. Retrying." };
  if (health && !health.ready) {
    const what = failing.length > 0 ? ` (${failing.join(", ")})` : "";
    return { kind: "impaired", text: `The service is impaired${what}. Changes of others may arrive late.` };
  }
  return null;
}

function failingChecks({ checks }: Health): string[] {
  return Object.keys(checks).filter((name) => checks[name] !== "ok");
}
