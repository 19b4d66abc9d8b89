import type { State } from "../store";

export function Footer({ state: { versions } }: { state: State }) {
  return (
    <footer>
      <dl>
        <Version name="Frontend" testid="version-frontend" value={versions.frontend} />
        <Version name="Backend" testid="version-backend" value={versions.backend} />
      </dl>
      <div role="status">
        {versions.newer !== null && (
          <p class="newer" data-testid="new-version">
            A new version is available: <code>{versions.newer}</code>{" "}
            <button type="button" data-testid="reload" onClick={() => location.reload()}>
              Reload
            </button>
          </p>
        )}
      </div>
    </footer>
  );
}

function Version({ name, testid, value }: { name: string; testid: string; value: string | null }) {
  return (
    <div class="version">
      <dt>{name}</dt>
      <dd>
        <code data-testid={testid}>{value ?? "–"}</code>
      </dd>
    </div>
  );
}
