import { isAbsolute, resolve } from "node:path";
// Types only: inside the dev image Vite itself lives beside the source, not in it, so nothing here
// may load a second copy from a node_modules that the checkout happens to hold.
import type { ViteUserConfig } from "vitest/config";
import { probes } from "./tools/probes.ts";
import { publish } from "./tools/publish.ts";

const env = process.env;
const root = import.meta.dirname;
const cacheDir = env.VITE_CACHE_DIR ?? "node_modules/.vite";

/**
 * Host names that the dev server answers besides localhost and plain addresses. None of them can be
 * registered by a stranger, which is what the check is for (DNS rebinding).
 */
const privateHosts = [
  ...["frontend", "frontend-blue", "frontend-green", "gateway"],
  ...[".local", ".lan", ".internal", ".home.arpa", ".test"],
];

export default {
  cacheDir,
  plugins: [probes(env.APP_VERSION ?? "dev"), publish(Number(env.SOURCE_DATE_EPOCH ?? 0))],
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy knows no data: sources
    modulePreload: { polyfill: false },
  },
  server: {
    host: "0.0.0.0",
    port: Number(env.PORT ?? 5173),
    strictPort: true,
    allowedHosts: [...privateHosts, ...(env.ALLOWED_HOSTS?.split(",").filter(Boolean) ?? [])],
    // The dev image keeps its dependencies in the parent folder and its cache in /tmp.
    fs: {
      allow: [
        root,
        resolve(root, "../node_modules"),
        isAbsolute(cacheDir) ? cacheDir : resolve(root, cacheDir),
      ],
    },
    // `npm run dev` on a laptop, against a backend started by hand. Behind the gateway, which routes
    // /api itself, no such request arrives here.
    proxy: { "/api": env.API_TARGET ?? "http://127.0.0.1:8080" },
  },
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
} satisfies ViteUserConfig;
