import type { ViewProps } from "./props";

export function Search({ state: { query }, board }: ViewProps) {
  return (
    <search class="search">
      <form onSubmit={(event) => event.preventDefault()}>
        <label for="search">Search</label>
        <input
          id="search"
          type="search"
          data-testid="search"
          placeholder="Words in a title or text"
          value={query}
          autocomplete="off"
          aria-controls="notes"
          onInput={(event) => board.search(event.currentTarget.value)}
        />
      </form>
    </search>
  );
}
