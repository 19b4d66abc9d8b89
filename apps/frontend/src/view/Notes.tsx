import { useLayoutEffect, useRef } from "preact/hooks";
import { type State, visibleNotes } from "../store";
import { NoteCard } from "./NoteCard";
import type { ViewProps } from "./props";
import { useNow } from "./time";

export function Notes({ state, board }: ViewProps) {
  const notes = visibleNotes(state);
  const list = useRef<HTMLOListElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useFocusKeeper(
    notes.map((note) => note.id),
    list,
    heading,
  );
  const now = useNow();
  return (
    <section class="notes" id="notes" aria-labelledby="notes-heading" aria-busy={state.loading}>
      <h2 id="notes-heading" ref={heading} tabIndex={-1}>
        {state.shown ? `Notes with “${state.shown}”` : "Notes"}
      </h2>
      {/* biome-ignore lint/a11y/noRedundantRoles: without it Safari announces no list that has no bullets */}
      <ol ref={list} role="list">
        {notes.map((note) => (
          <NoteCard key={note.id} note={note} now={now} state={state} board={board} />
        ))}
      </ol>
      {notes.length === 0 && <Nothing state={state} />}
      {state.list.cursor !== null && (
        <button
          type="button"
          class="more"
          disabled={state.loading}
          data-testid="load-more"
          onClick={() => void board.more()}
        >
          {state.loading ? "Loading…" : "Older notes"}
        </button>
      )}
    </section>
  );
}

function Nothing({ state: { loaded, shown } }: { state: State }) {
  if (!loaded) {
    return (
      <div class="skeletons" data-testid="loading">
        <p class="hidden">Loading the notes</p>
        <div />
        <div />
        <div />
      </div>
    );
  }
  return (
    <p class="empty" data-testid="empty">
      {shown ? "No note has all of these words." : "Nothing on the board yet. The first note is yours."}
    </p>
  );
}

/**
 * When the card that has the focus goes away (deleted here or on another page), hands the focus to the
 * card that takes its place, or to the heading, instead of losing it to the top of the page.
 */
function useFocusKeeper(
  ids: readonly number[],
  list: { current: HTMLElement | null },
  heading: { current: HTMLElement | null },
): void {
  const last = useRef<{ id: number; index: number } | null>(null);
  useLayoutEffect(() => {
    const lost = last.current;
    if (lost && !ids.includes(lost.id) && (document.activeElement ?? document.body) === document.body) {
      const heir = list.current?.children[Math.min(lost.index, ids.length - 1)];
      (heir?.querySelector<HTMLElement>("button, input") ?? heading.current)?.focus();
    }
    const focused = document.activeElement?.closest<HTMLElement>("[data-note-id]");
    const id = Number(focused?.dataset.noteId);
    last.current = focused ? { id, index: ids.indexOf(id) } : null;
  });
}
