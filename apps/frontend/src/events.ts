import type { Note } from "./api";

/** What the stream at /api/events tells the page. The names are the backend's. */
export type BoardEvent =
  | { type: "hello"; version: string; instance: string }
  | { type: "resync" }
  | { type: "status"; ready: boolean; checks: Readonly<Record<string, string>> }
  | { type: "note.created" | "note.updated"; note: Note }
  | { type: "note.deleted"; id: number };

export type Connection = "connecting" | "live" | "reconnecting";

export interface StreamHandlers {
  event(event: BoardEvent): void;
  connection(connection: Connection): void;
}

const names = ["hello", "resync", "status", "note.created", "note.updated", "note.deleted"] as const;
const firstDelay = 500;
const longestDelay = 8_000;

/**
 * Keeps one EventSource open for the life of the page.
 *
 * A browser reconnects by itself when a stream breaks, and names the last event that it saw, so that
 * the backend sends what was missed. It gives up for good on any answer but 200 (a gateway's 502
 * during a restart): then a new EventSource is made, with growing delays.
 */
export class EventStream {
  private source: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempts = 0;

  constructor(
    private readonly url: string,
    private readonly handlers: StreamHandlers,
    private readonly connect: (url: string) => EventSource = (address) => new EventSource(address),
    private readonly random: () => number = Math.random,
  ) {}

  start(): void {
    this.handlers.connection("connecting");
    this.open();
  }

  /** Closes the stream without a word to the handlers: nobody is looking, or another follows at once. */
  stop(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = undefined;
  }

  /** Opens the stream if there is none: after stop(), or instead of waiting any longer. */
  wake(): void {
    if (!this.source) this.restart();
  }

  /** Opens a new stream in any case: the old one may be dead without knowing. */
  restart(): void {
    this.stop();
    this.open();
  }

  private open(): void {
    const source = this.connect(this.url);
    this.source = source;
    source.onopen = () => {
      this.attempts = 0;
      this.handlers.connection("live");
    };
    source.onerror = () => {
      this.handlers.connection("reconnecting");
      if (source.readyState === EventSource.CLOSED) this.later();
    };
    for (const name of names) {
      source.addEventListener(name, (message) => {
        const event = decode(name, (message as MessageEvent<string>).data);
        if (event) this.handlers.event(event);
      });
    }
  }

  private later(): void {
    this.stop();
    // Full jitter on the upper half: after a restart not every open page comes back in the same instant.
    const ceiling = Math.min(longestDelay, firstDelay * 2 ** this.attempts);
    this.attempts += 1;
    this.timer = setTimeout(() => this.open(), ceiling * (0.5 + this.random() / 2));
  }
}

/** An event that is not understood (a newer backend's) is passed over, not a reason to stop listening. */
export function decode(name: (typeof names)[number], data: string): BoardEvent | null {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(data) ?? {};
  } catch {
    return name === "resync" ? { type: "resync" } : null;
  }
  switch (name) {
    case "hello":
      return { type: name, version: String(value.version), instance: String(value.instance) };
    case "resync":
      return { type: name };
    case "status":
      return {
        type: name,
        ready: value.ready === true,
        checks: (value.checks ?? {}) as Record<string, string>,
      };
    case "note.created":
    case "note.updated":
      return typeof value.id === "number" ? { type: name, note: value as unknown as Note } : null;
    case "note.deleted":
      return typeof value.id === "number" ? { type: name, id: value.id } : null;
  }
}
