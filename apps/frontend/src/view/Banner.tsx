import { type State, troubleOf } from "../store";

/** Says what is wrong with the service. The element stays, so that screen readers notice the text. */
export function Banner({ state }: { state: State }) {
  const trouble = troubleOf(state);
  return (
    <div class="trouble" role="alert">
      {trouble && (
        <p class={`banner ${trouble.kind}`} data-testid="status-banner" data-kind={trouble.kind}>
          {trouble.text}
        </p>
      )}
    </div>
  );
}
