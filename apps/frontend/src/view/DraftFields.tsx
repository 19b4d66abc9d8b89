import type { RefObject } from "preact";
import { type Draft, limits } from "../api";
import type { Composer } from "../store";

interface Props {
  /** Prefix of the ids and test ids within. */
  id: string;
  /** Where several of these are on the page at once, the test ids leave out what tells them apart. */
  testid?: string;
  composer: Composer;
  titleRef: RefObject<HTMLInputElement | null>;
  onChange(change: Partial<Draft>): void;
  onSubmit(): void;
  onCancel?(): void;
}

/** Title and text, as a new note and a note under edit have them. */
export function DraftFields({ id, testid = id, composer, titleRef, onChange, onSubmit, onCancel }: Props) {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return; // these keys belong to the input method now
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onSubmit();
    } else if (event.key === "Escape" && onCancel) {
      event.preventDefault();
      onCancel();
    }
  };
  const problem = composer.problem ? { "aria-describedby": `${id}-problem`, "aria-invalid": true } : {};
  return (
    <div class="fields">
      <label for={`${id}-title`}>Title</label>
      <input
        id={`${id}-title`}
        ref={titleRef}
        data-testid={`${testid}-title`}
        value={composer.draft.title}
        maxLength={limits.title}
        required
        readOnly={composer.busy}
        autocomplete="off"
        onInput={(event) => onChange({ title: event.currentTarget.value })}
        onKeyDown={onKeyDown}
        {...problem}
      />
      <label for={`${id}-body`}>Text</label>
      <textarea
        id={`${id}-body`}
        data-testid={`${testid}-body`}
        value={composer.draft.body}
        maxLength={limits.body}
        rows={3}
        readOnly={composer.busy}
        onInput={(event) => onChange({ body: event.currentTarget.value })}
        onKeyDown={onKeyDown}
      />
      {composer.problem && (
        <p class="problem" id={`${id}-problem`} role="alert" data-testid={`${testid}-problem`}>
          {composer.problem}
        </p>
      )}
    </div>
  );
}
