// Asks the dev server whether it is up; exits 0 or 1, and says why on standard error.
const { PORT = "5173", HEALTH_PATH = "/healthz" } = process.env;
const url = `http://127.0.0.1:${PORT}${HEALTH_PATH}`;

try {
  const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
  if (!response.ok) throw new Error(`answered ${response.status}`);
} catch (error) {
  console.error(`healthcheck: ${url}: ${error.cause?.message ?? error.message}`);
  process.exitCode = 1;
}
