import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Note } from "../api";
import { conflictOf } from "../store";
import { EditForm } from "./EditForm";
import type { ViewProps } from "./props";
import { Ago } from "./time";

/** From this length on a text scrolls within its card, so the keyboard has to reach it. */
const long = 600;

export function NoteCard({ note, now, state, board }: ViewProps & { note: Note; now: number }) {
  const edit = state.edits[note.id];
  const editButton = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);
  const editing = edit !== undefined;
  useEffect(() => {
    if (wasEditing.current && !editing) editButton.current?.focus();
    wasEditing.current = editing;
  }, [editing]);
  return (
    <li>
      <article
        class={`card tint-${note.id % 5}`}
        aria-labelledby={edit ? undefined : `note-${note.id}`}
        data-testid="note"
        data-note-id={note.id}
        data-version={note.version}
      >
        {edit ? (
          <EditForm note={note} edit={edit} conflict={conflictOf(state, note.id)} board={board} />
        ) : (
          <Reading
            note={note}
            now={now}
            removing={state.removing.has(note.id)}
            board={board}
            editButton={editButton}
          />
        )}
      </article>
    </li>
  );
}

interface ReadingProps extends Pick<ViewProps, "board"> {
  note: Note;
  now: number;
  removing: boolean;
  editButton: RefObject<HTMLButtonElement | null>;
}

function Reading({ note, now, removing, board, editButton }: ReadingProps) {
  const changed = note.version > 1;
  return (
    <>
      <h3 id={`note-${note.id}`} data-testid="note-title">
        {note.title}
      </h3>
      {note.body && (
        <p class="text" data-testid="note-body" tabIndex={note.body.length > long ? 0 : undefined}>
          {note.body}
        </p>
      )}
      <div class="foot">
        <p class="meta">
          {changed ? "edited " : ""}
          <Ago time={changed ? note.updated_at : note.created_at} now={now} />
        </p>
        <button
          type="button"
          class="quiet"
          ref={editButton}
          aria-label={`Edit ${note.title}`}
          data-testid="note-edit"
          onClick={() => board.edit(note)}
        >
          Edit
        </button>
        <button
          type="button"
          class="quiet danger"
          disabled={removing}
          aria-label={`Delete ${note.title}`}
          data-testid="note-delete"
          onClick={() => void board.remove(note)}
        >
          {removing ? "Deleting…" : "Delete"}
        </button>
      </div>
    </>
  );
}
