/** The backend's HTTP interface: its types, its calls, and one kind of error for everything that can go wrong. */

export interface Note {
  readonly id: number;
  readonly title: string;
  readonly body: string;
  /** Counts up with each change. */
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface Draft {
  readonly title: string;
  readonly body: string;
}

export interface Page {
  readonly notes: readonly Note[];
  readonly next_cursor: string | null;
}

export interface Stats {
  readonly notes: number;
  readonly visits: number;
}

/** The limits that the backend enforces, in characters. */
export const limits = { title: 200, body: 10_000 } as const;

/**
 * What a failed call means for the page:
 * - unreachable: no answer from the backend (network down, time-out, a gateway's 502)
 * - unavailable: the backend answers that it can't serve for now (its database is away)
 * - conflict: the note has moved on; `current` is what it is now
 * - missing: the note is gone
 * - refused: the input is wrong; `fields` says where
 * - failed: anything else
 */
export type Failure = "unreachable" | "unavailable" | "conflict" | "missing" | "refused" | "failed";

export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly failure: Failure,
    message: string,
    readonly requestId: string | null = null,
    readonly fields: Readonly<Record<string, string>> = {},
    readonly current: Note | null = null,
  ) {
    super(message);
  }
}

const timeoutMilliseconds = 10_000;

export class Api {
  constructor(private readonly fetch: typeof globalThis.fetch = (...call) => globalThis.fetch(...call)) {}

  list(query: string, cursor: string | null, limit: number, signal?: AbortSignal): Promise<Page> {
    const parameters = new URLSearchParams({ limit: String(limit) });
    if (query) parameters.set("q", query);
    if (cursor) parameters.set("cursor", cursor);
    return this.call("GET", `/api/notes?${parameters}`, signal ? { signal } : {});
  }

  create(draft: Draft): Promise<Note> {
    return this.call("POST", "/api/notes", { body: draft });
  }

  /** Replaces title and body, provided that the note is still at `version`. */
  update(id: number, version: number, draft: Draft): Promise<Note> {
    return this.call("PUT", `/api/notes/${id}`, { body: draft, match: version });
  }

  async remove(id: number): Promise<void> {
    await this.call("DELETE", `/api/notes/${id}`);
  }

  stats(): Promise<Stats> {
    return this.call("GET", "/api/stats");
  }

  /** Counts this visit. */
  visit(): Promise<Stats> {
    return this.call("POST", "/api/visits");
  }

  private async call<T>(
    method: string,
    path: string,
    { body, match, signal }: { body?: unknown; match?: number; signal?: AbortSignal } = {},
  ): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (match !== undefined) headers["If-Match"] = `"${match}"`;

    const timeout = AbortSignal.timeout(timeoutMilliseconds);
    let response: Response;
    let answer: unknown;
    try {
      response = await this.fetch(path, {
        method,
        headers,
        cache: "no-store",
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      answer = parse(await response.text());
    } catch (cause) {
      signal?.throwIfAborted(); // the caller's own wish is not a failure of the server
      throw new ApiError("unreachable", `The server did not answer (${String(cause)}).`);
    }
    if (!response.ok) throw refusal(response, answer);
    if (answer === undefined && response.status !== 204) {
      throw new ApiError("failed", `The server answered ${response.status} without JSON.`);
    }
    return answer as T;
  }
}

/** JSON, or undefined: a proxy in between answers in HTML. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface ErrorBody {
  error?: {
    code?: string;
    message?: string;
    request_id?: string;
    fields?: Record<string, string>;
    current?: Note;
  };
}

function refusal(response: Response, answer: unknown): ApiError {
  const error = (answer as ErrorBody | null | undefined)?.error ?? {};
  return new ApiError(
    failureOf(response.status, error.code),
    error.message ?? `The server answered ${response.status}.`,
    error.request_id ?? response.headers.get("X-Request-Id"),
    error.fields,
    error.current ?? null,
  );
}

function failureOf(status: number, code: string | undefined): Failure {
  if (status === 409 || status === 412) return "conflict";
  if (status === 404 || status === 410) return "missing";
  if (status === 400 || status === 413 || status === 422) return "refused";
  // Without the backend's own code it is the gateway that speaks, of a backend that it does not reach.
  if (status >= 502 && status <= 504) return code === undefined ? "unreachable" : "unavailable";
  return "failed";
}
