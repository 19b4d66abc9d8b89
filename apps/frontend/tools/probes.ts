import type { ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";

/**
 * Answers, in development, the two paths that the container's entrypoint and nginx answer in
 * production: /version.json (what is running) and /healthz (is it running).
 */
export function probes(version: string): Plugin {
  const answer = (path: string | undefined, response: ServerResponse): boolean => {
    const body = bodies(version)[path?.split("?")[0] ?? ""];
    if (!body) return false;
    response.setHeader("Content-Type", body.type);
    response.setHeader("Cache-Control", "no-store");
    response.end(body.text);
    return true;
  };
  const middleware: Connect.NextHandleFunction = (request, response, next) => {
    if (!answer(request.url, response)) next();
  };
  return {
    name: "drydock:probes",
    configureServer: (server) => void server.middlewares.use(middleware),
    configurePreviewServer: (server) => void server.middlewares.use(middleware),
  };
}

function bodies(version: string): Record<string, { type: string; text: string }> {
  return {
    "/healthz": { type: "text/plain", text: "ok\n" },
    "/version.json": { type: "application/json", text: `${JSON.stringify({ version })}\n` },
  };
}
