import { useEffect, useRef } from "preact/hooks";
import type { Note } from "../api";
import type { Conflict, Edit } from "../store";
import { DraftFields } from "./DraftFields";
import type { ViewProps } from "./props";

interface Props extends Pick<ViewProps, "board"> {
  note: Note;
  edit: Edit;
  conflict: Conflict | null;
}

export function EditForm({ note, edit, conflict, board }: Props) {
  const title = useRef<HTMLInputElement>(null);
  useEffect(() => title.current?.focus(), []);
  const save = () => {
    if (!conflict) void board.save(note.id); // with one, a button of its own says which text wins
  };
  const cancel = () => board.cancel(note.id);
  return (
    <form
      aria-label={`Edit ${edit.base.title}`}
      data-testid="edit"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <DraftFields
        id={`edit-${note.id}`}
        testid="edit"
        composer={edit}
        titleRef={title}
        onChange={(change) => board.revise(note.id, change)}
        onSubmit={save}
        onCancel={cancel}
      />
      {conflict ? (
        <ConflictChoice id={note.id} conflict={conflict} board={board} />
      ) : (
        <div class="actions">
          <button type="submit" class="primary" disabled={edit.busy} data-testid="edit-save">
            {edit.busy ? "Saving…" : "Save"}
          </button>
          <button type="button" disabled={edit.busy} data-testid="edit-cancel" onClick={cancel}>
            Cancel
          </button>
        </div>
      )}
    </form>
  );
}

function ConflictChoice({
  id,
  conflict,
  board,
}: { id: number; conflict: Conflict } & Pick<ViewProps, "board">) {
  if (conflict.kind === "deleted") {
    return (
      <div class="conflict" role="alert" data-testid="conflict" data-kind="deleted">
        <p>This note was deleted while you were editing it.</p>
        <div class="actions">
          <button
            type="button"
            class="primary"
            data-testid="conflict-keep"
            onClick={() => void board.saveAsNew(id)}
          >
            Save as a new note
          </button>
          <button type="button" data-testid="conflict-drop" onClick={() => board.cancel(id)}>
            Discard my text
          </button>
        </div>
      </div>
    );
  }
  const { theirs } = conflict;
  return (
    <div class="conflict" role="alert" data-testid="conflict" data-kind="changed">
      <p>Somebody changed this note while you were editing it. It now reads:</p>
      <blockquote data-testid="conflict-theirs">
        <strong>{theirs.title}</strong>
        {theirs.body && <p>{theirs.body}</p>}
      </blockquote>
      <div class="actions">
        <button
          type="button"
          class="primary"
          data-testid="conflict-keep"
          onClick={() => void board.save(id, theirs)}
        >
          Replace it with mine
        </button>
        <button type="button" data-testid="conflict-drop" onClick={() => board.cancel(id)}>
          Keep theirs
        </button>
      </div>
    </div>
  );
}
