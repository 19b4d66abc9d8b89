import type { State } from "../store";
import { Mark } from "./icons";

const words = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting" } as const;

export function Header({ state: { connection, online, stats } }: { state: State }) {
  const status = online ? connection : "offline";
  return (
    <header class="top">
      <div class="brand">
        <Mark />
        <h1>Drydock board</h1>
      </div>
      <dl class="counters">
        <Counter name="Notes" testid="stat-notes" value={stats?.notes} />
        <Counter name="Visits" testid="stat-visits" value={stats?.visits} />
      </dl>
      <p class={`connection ${status}`} role="status" data-testid="connection" data-state={status}>
        {status === "offline" ? "Offline" : words[status]}
      </p>
    </header>
  );
}

function Counter({ name, testid, value }: { name: string; testid: string; value: number | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={testid}>{value === undefined ? "–" : value.toLocaleString("en")}</dd>
    </div>
  );
}
