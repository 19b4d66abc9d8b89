import type { State, Store } from "./store";

const interval = 60_000;

/**
 * Learns from /version.json which frontend this is, and later whether a reload would bring another.
 * An old page goes on working after a deploy; the user chooses when to leave it.
 */
export class VersionWatch {
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly store: Store<State>,
    private readonly fetch: typeof globalThis.fetch = (...call) => globalThis.fetch(...call),
  ) {}

  start(): void {
    void this.check();
    this.timer = setInterval(() => void this.check(), interval);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  async check(): Promise<void> {
    const found = await this.read();
    if (found === null) return; // nothing known is no news; the banner speaks for a dead server
    const { versions } = this.store.get();
    const frontend = versions.frontend ?? found;
    this.store.set({ versions: { ...versions, frontend, newer: found === frontend ? null : found } });
  }

  private async read(): Promise<string | null> {
    try {
      const response = await this.fetch("/version.json", { cache: "no-store" });
      const { version } = (await response.json()) as { version?: unknown };
      return response.ok && typeof version === "string" ? version : null;
    } catch {
      return null;
    }
  }
}
