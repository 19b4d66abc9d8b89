import type { ViewProps } from "./props";

/** The announcer in App.tsx speaks this text, so the bar itself is no live region. */
export function NoticeBar({ state: { notice }, board }: ViewProps) {
  if (!notice) return null;
  return (
    <section class="notice" aria-label="Last change" data-testid="notice">
      <p class="notice-text">{notice.text}</p>
      {notice.undo && (
        <button type="button" data-testid="undo" onClick={() => void board.undo()}>
          Undo
        </button>
      )}
      <button
        type="button"
        aria-label="Close this message"
        data-testid="notice-close"
        onClick={() => board.dismiss()}
      >
        ×
      </button>
    </section>
  );
}
