import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { contentTime, gzip, publishFolder } from "../tools/publish";

const epoch = 1_700_000_000;
let dist: string;
const seconds = (name: string) => statSync(join(dist, name)).mtimeMs / 1000;

beforeEach(() => {
  dist = mkdtempSync(join(tmpdir(), "publish-"));
  mkdirSync(join(dist, "assets"));
  writeFileSync(join(dist, "index.html"), "<p>a1</p>".repeat(50));
  writeFileSync(join(dist, "assets/app-a1.js"), "let a;".repeat(50));
  writeFileSync(join(dist, "assets/photo-b2.png"), "not to be packed".repeat(50));
  writeFileSync(join(dist, "tiny.txt"), "a");
});
afterEach(() => rmSync(dist, { recursive: true }));

it("packs what gets smaller by it, and nothing else", () => {
  publishFolder(dist, epoch);
  expect(readdirSync(dist).sort()).toEqual([
    "assets",
    "index.html",
    "index.html.br",
    "index.html.gz",
    "tiny.txt",
  ]);
  expect(readdirSync(join(dist, "assets")).sort()).toEqual([
    "app-a1.js",
    "app-a1.js.br",
    "app-a1.js.gz",
    "photo-b2.png",
  ]);
  expect(gunzipSync(readFileSync(join(dist, "index.html.gz"))).toString()).toContain("<p>a1</p>");
  expect(brotliDecompressSync(readFileSync(join(dist, "index.html.br"))).toString()).toContain("<p>a1</p>");
});

it("gives times that depend on the content alone", () => {
  publishFolder(dist, epoch);
  for (const name of [".", "assets", "assets/app-a1.js", "assets/app-a1.js.gz", "assets/app-a1.js.br"])
    expect(seconds(name)).toBe(epoch);
  expect(seconds("index.html")).toBe(contentTime(readFileSync(join(dist, "index.html"))));
  expect(seconds("index.html.gz")).toBe(seconds("index.html"));
});

it("gives two pages of one length two times, and so two ETags in nginx", () => {
  publishFolder(dist, epoch);
  const before = seconds("index.html");
  writeFileSync(join(dist, "index.html"), "<p>b2</p>".repeat(50));
  publishFolder(dist, epoch);
  expect(seconds("index.html")).not.toBe(before);
});

it("writes a gzip header without time and system", () => {
  expect([...gzip(Buffer.from("text")).subarray(4, 10)]).toEqual([0, 0, 0, 0, 2, 255]);
});
