import { createHash } from "node:crypto";
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const compressible = /\.(html|js|css|svg|json|webmanifest|txt)$/;

/**
 * Makes dist/ ready for nginx: a .gz and a .br beside each compressible file (gzip_static,
 * brotli_static), and file times that depend on nothing but the content.
 *
 * The times matter twice. Equal inputs have to give an equal image layer, so "now" will not do. But
 * nginx computes an ETag from a file's time and size alone, so one fixed time will not do either:
 * two releases of index.html differ in the hashes of their assets, not in length, and a browser
 * would be told 304 for a page that names files which no longer exist. So a file whose name carries
 * no hash gets its time from its content.
 */
export function publish(epoch: number): Plugin {
  let dist = "";
  return {
    name: "drydock:publish",
    apply: "build",
    configResolved: (config) => {
      dist = resolve(config.root, config.build.outDir);
    },
    closeBundle: { order: "post", sequential: true, handler: () => publishFolder(dist, epoch) },
  };
}

export function publishFolder(dist: string, epoch: number): void {
  const entries = readdirSync(dist, { recursive: true, withFileTypes: true });
  const folders = [dist];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) folders.push(path);
    if (entry.isFile() && !/\.(gz|br)$/.test(path)) publishFile(path, epoch);
  }
  for (const folder of folders) utimesSync(folder, epoch, epoch); // last: writing a file touches its folder
}

function publishFile(path: string, epoch: number): void {
  const content = readFileSync(path);
  const time = path.includes("/assets/") ? epoch : contentTime(content);
  if (compressible.test(path)) {
    for (const [suffix, packed] of [
      [".gz", gzip(content)],
      [".br", brotli(content)],
    ] as const) {
      if (packed.length >= content.length) continue;
      writeFileSync(path + suffix, packed);
      utimesSync(path + suffix, time, time);
    }
  }
  utimesSync(path, time, time);
}

/** Seconds since 1970, below 2^30 (2004), so that no clock calls the file younger than itself. */
export function contentTime(content: Buffer): number {
  return createHash("sha256").update(content).digest().readUInt32BE(0) >>> 2;
}

/** Brotli at its best, told that it is text and how much of it. */
export function brotli(content: Buffer): Buffer {
  return brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
}

/** gzip without a name, a time (RFC 1952 MTIME, which zlib leaves 0) or the operating system's mark. */
export function gzip(content: Buffer): Buffer {
  const packed = gzipSync(content, { level: constants.Z_BEST_COMPRESSION });
  packed[9] = 255; // RFC 1952 OS: unknown
  return packed;
}
