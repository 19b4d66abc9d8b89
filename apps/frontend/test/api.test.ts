import { describe, expect, it } from "vitest";
import { Api, ApiError } from "../src/api";
import { note } from "./helpers";

interface Call {
  url: string;
  init: RequestInit;
}

function apiThatAnswers(...answers: (Response | Error)[]) {
  const calls: Call[] = [];
  const api = new Api(async (url, init) => {
    calls.push({ url: String(url), init: init ?? {} });
    const answer = answers.shift() ?? new Error("no answer prepared");
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return { api, calls };
}

const json = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });
const refused = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable("the call succeeded"),
    (error: ApiError) => error,
  );

describe("requests", () => {
  it("asks for a page with what is given, encoded", async () => {
    const { api, calls } = apiThatAnswers(json(200, { notes: [], next_cursor: null }));
    await api.list("milk & $honey", "abc=", 20);
    expect(calls[0]?.url).toBe("/api/notes?limit=20&q=milk+%26+%24honey&cursor=abc%3D");
  });

  it("names the version that a change is based on", async () => {
    const { api, calls } = apiThatAnswers(json(200, note(7, { version: 4 })));
    await api.update(7, 3, { title: "t", body: "b" });
    expect(calls[0]?.url).toBe("/api/notes/7");
    expect(calls[0]?.init).toMatchObject({
      method: "PUT",
      headers: { "If-Match": '"3"', "Content-Type": "application/json" },
      body: '{"title":"t","body":"b"}',
    });
  });

  it("takes an answer without a body for done", async () => {
    const { api } = apiThatAnswers(new Response(null, { status: 204 }));
    await expect(api.remove(7)).resolves.toBeUndefined();
  });
});

describe("failures", () => {
  const error = (code: string, rest = {}) => ({ error: { code, message: "why", request_id: "r1", ...rest } });

  it.each([
    ["an input error", json(422, error("invalid", { fields: { title: "is too long" } })), "refused"],
    ["a missing note", json(404, error("not_found")), "missing"],
    ["a lost race", json(412, error("precondition_failed", { current: note(7) })), "conflict"],
    ["a database that is away", json(503, error("unavailable")), "unavailable"],
    ["a fault", json(500, error("internal")), "failed"],
    ["a gateway without a backend", new Response("<html>", { status: 502 }), "unreachable"],
    ["a page instead of an answer", new Response("<html>", { status: 200 }), "failed"],
    ["no network", new TypeError("Failed to fetch"), "unreachable"],
  ] as const)("tells %s from the others", async (_name, answer, failure) => {
    const { api } = apiThatAnswers(answer);
    const caught = await refused(api.stats());
    expect(caught).toBeInstanceOf(ApiError);
    expect(caught.failure).toBe(failure);
  });

  it("keeps what helps the user", async () => {
    const { api } = apiThatAnswers(
      json(412, error("precondition_failed", { current: note(7, { version: 9 }), fields: { title: "x" } })),
    );
    const caught = await refused(api.update(7, 1, { title: "t", body: "" }));
    expect(caught).toMatchObject({ message: "why", requestId: "r1", fields: { title: "x" } });
    expect(caught.current?.version).toBe(9);
  });

  it("passes on the caller's own abort as what it is", async () => {
    const aborter = new AbortController();
    const { api } = apiThatAnswers(new DOMException("aborted", "AbortError"));
    aborter.abort();
    const caught = await refused(api.list("", null, 1, aborter.signal));
    expect(caught).not.toBeInstanceOf(ApiError);
  });
});
