import { useRef } from "preact/hooks";
import { DraftFields } from "./DraftFields";
import type { ViewProps } from "./props";

export function Composer({ state: { composer }, board }: ViewProps) {
  const title = useRef<HTMLInputElement>(null);
  const submit = async () => {
    await board.add();
    title.current?.focus(); // ready for the next note, or for mending this one
  };
  return (
    <form
      class="composer"
      aria-labelledby="composer-heading"
      data-testid="new-note"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2 id="composer-heading">New note</h2>
      <DraftFields
        id="new-note"
        composer={composer}
        titleRef={title}
        onChange={(change) => board.compose(change)}
        onSubmit={submit}
      />
      <div class="actions">
        <button type="submit" class="primary" disabled={composer.busy} data-testid="new-note-submit">
          {composer.busy ? "Adding…" : "Add note"}
        </button>
        <span class="hint">
          <kbd>Ctrl</kbd> <kbd>Enter</kbd>
        </span>
      </div>
    </form>
  );
}
