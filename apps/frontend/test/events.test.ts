import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type BoardEvent, type Connection, decode, EventStream } from "../src/events";
import { note } from "./helpers";

/** An EventSource that the test drives. */
class Source extends EventTarget {
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  close = () => {
    this.readyState = 2;
  };
  opens() {
    this.readyState = 1;
    this.onopen?.();
  }
  breaks(readyState: 0 | 2) {
    this.readyState = readyState;
    this.onerror?.();
  }
  says(name: string, data: unknown) {
    this.dispatchEvent(
      new MessageEvent(name, { data: typeof data === "string" ? data : JSON.stringify(data) }),
    );
  }
}

function listen() {
  const sources: Source[] = [];
  const events: BoardEvent[] = [];
  const connections: Connection[] = [];
  const stream = new EventStream(
    "/api/events",
    { event: (event) => events.push(event), connection: (connection) => connections.push(connection) },
    () => {
      sources.push(new Source());
      return sources.at(-1) as unknown as EventSource;
    },
    () => 1,
  );
  stream.start();
  const source = (index: number) => sources[index] ?? expect.unreachable(`no source ${index}`);
  return { stream, sources, source, events, connections };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", { CONNECTING: 0, OPEN: 1, CLOSED: 2 });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the connection", () => {
  it("is live once open", () => {
    const { source, connections } = listen();
    source(0).opens();
    expect(connections).toEqual(["connecting", "live"]);
  });

  it("lets the browser reconnect a broken stream, which tells the backend where to go on", () => {
    const { source, sources, connections } = listen();
    source(0).opens();
    source(0).breaks(0);
    vi.advanceTimersByTime(60_000);
    expect(sources).toHaveLength(1);
    source(0).opens();
    expect(connections).toEqual(["connecting", "live", "reconnecting", "live"]);
  });

  it("makes a new one where the browser gives up, each time later", () => {
    const { source, sources } = listen();
    const waits = [500, 1_000, 2_000, 4_000, 8_000, 8_000];
    for (const [index, wait] of waits.entries()) {
      source(index).breaks(2);
      vi.advanceTimersByTime(wait - 1);
      expect(sources).toHaveLength(index + 1);
      vi.advanceTimersByTime(1);
      expect(sources).toHaveLength(index + 2);
    }
    source(6).opens();
    source(6).breaks(2);
    vi.advanceTimersByTime(500);
    expect(sources).toHaveLength(8);
  });

  it("does not wait when somebody looks at the page again", () => {
    const { stream, source, sources } = listen();
    stream.wake();
    expect(sources).toHaveLength(1); // open or opening: nothing to hurry
    source(0).breaks(2);
    stream.wake();
    expect(sources).toHaveLength(2);
    vi.advanceTimersByTime(60_000);
    expect(sources).toHaveLength(2);
    stream.stop();
    stream.wake();
    expect(sources).toHaveLength(3);
  });

  it("is made anew on a new network, even if it looks well", () => {
    const { stream, source, sources } = listen();
    source(0).opens();
    stream.restart();
    expect(source(0).readyState).toBe(2);
    expect(sources).toHaveLength(2);
  });

  it("ends for good when stopped", () => {
    const { stream, source, sources } = listen();
    source(0).breaks(2);
    stream.stop();
    vi.advanceTimersByTime(60_000);
    expect(sources).toHaveLength(1);
  });
});

describe("events", () => {
  it("reach the handler decoded", () => {
    const { source, events } = listen();
    source(0).says("hello", { version: "v1", instance: "a" });
    source(0).says("note.created", note(1));
    source(0).says("note.deleted", { id: 1, version: 1 });
    expect(events).toEqual([
      { type: "hello", version: "v1", instance: "a" },
      { type: "note.created", note: note(1) },
      { type: "note.deleted", id: 1 },
    ]);
  });

  it("are passed over when not understood", () => {
    expect(decode("note.created", "not json")).toBeNull();
    expect(decode("note.updated", '{"other":1}')).toBeNull();
    expect(decode("note.deleted", "{}")).toBeNull();
    expect(decode("note.deleted", "null")).toBeNull();
    expect(decode("resync", "")).toEqual({ type: "resync" });
    expect(decode("status", "{}")).toEqual({ type: "status", ready: false, checks: {} });
  });
});
