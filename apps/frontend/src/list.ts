import type { Note, Page } from "./api";

/**
 * The part of the board that this page has loaded, newest first. Changes reach it from three sides
 * that race each other (answers to own requests, the event stream, a reload), so every function here
 * gives the same result whichever comes first, and however often.
 */
export interface NoteList {
  readonly notes: readonly Note[];
  /** Where the next page starts; null: everything is loaded. */
  readonly cursor: string | null;
  /** Deleted ids: the late answer to a change must not bring a note back. The backend never reuses one. */
  readonly gone: ReadonlySet<number>;
}

export const emptyList: NoteList = { notes: [], cursor: null, gone: new Set() };

/** The backend's rule for `q`: every word, anywhere, case ignored. */
export function matches(note: Note, query: string): boolean {
  const text = `${note.title}\n${note.body}`.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Puts a new or changed note where it belongs, or takes it out if it is not part of this list. */
export function place(list: NoteList, note: Note, query: string): NoteList {
  if (list.gone.has(note.id)) return list;
  const known = list.notes.find((other) => other.id === note.id);
  if (known && known.version >= note.version) return list;
  const others = list.notes.filter((other) => other.id !== note.id);
  const oldest = list.notes.at(-1);
  const loaded = list.cursor === null || (oldest !== undefined && note.id >= oldest.id);
  if (!loaded || !matches(note, query)) return known ? { ...list, notes: others } : list;
  return { ...list, notes: [...others, note].sort(newestFirst) };
}

export function remove(list: NoteList, id: number): NoteList {
  if (list.gone.has(id)) return list;
  return {
    ...list,
    notes: list.notes.filter((note) => note.id !== id),
    gone: new Set(list.gone).add(id),
  };
}

/** Adds the next page. */
export function extend(list: NoteList, page: Page): NoteList {
  const known = new Set(list.notes.map((note) => note.id));
  const added = page.notes.filter((note) => !known.has(note.id) && !list.gone.has(note.id));
  return { ...list, notes: [...list.notes, ...added].sort(newestFirst), cursor: page.next_cursor };
}

/** Starts again from a fresh first page, keeping only what is known to be deleted. */
export function restart(list: NoteList, page: Page): NoteList {
  return extend({ ...list, notes: [] }, page);
}

function newestFirst(a: Note, b: Note): number {
  return b.id - a.id;
}
