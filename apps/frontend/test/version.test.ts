import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { initialState, Store } from "../src/store";
import { VersionWatch } from "../src/version";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watch(...answers: (string | Error)[]) {
  const store = new Store(initialState);
  const versions = new VersionWatch(store, async () => {
    const answer = answers.shift() ?? new Error("no answer prepared");
    if (answer instanceof Error) throw answer;
    return new Response(answer);
  });
  return { versions, found: () => store.get().versions };
}

describe("VersionWatch", () => {
  it("notices a new version by itself, and its return", async () => {
    const { versions, found } = watch('{"version":"v1"}', '{"version":"v2"}', '{"version":"v1"}');
    versions.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(found()).toMatchObject({ frontend: "v1", newer: null });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(found()).toMatchObject({ frontend: "v1", newer: "v2" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(found()).toMatchObject({ frontend: "v1", newer: null });
    versions.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("takes no answer, or a senseless one, for no news", async () => {
    const { versions, found } = watch('{"version":"v1"}', new TypeError("offline"), "<html>", "{}", "null");
    for (let times = 0; times < 5; times++) await versions.check();
    expect(found()).toMatchObject({ frontend: "v1", newer: null });
  });
});
