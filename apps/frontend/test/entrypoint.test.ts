import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const entrypoint = resolve(import.meta.dirname, "../container/entrypoint");

/** Runs the entrypoint as the container does, with a command that shows what it wrote. */
function start(env: Record<string, string>, file: string) {
  return spawnSync("sh", [entrypoint, "cat", `/tmp/frontend/${file}`], {
    env: { PATH: process.env.PATH ?? "", LANG: "C.UTF-8", ...env },
    encoding: "utf8",
  });
}

describe("/version.json", () => {
  it.each([
    ["v1.2.0-3-gabc1234", "v1.2.0-3-gabc1234"],
    ['say "hi"', 'say "hi"'],
    ["back\\slash \\n \\u0041", "back\\slash \\n \\u0041"],
    ["$HOME `id` %s %n 'x' & / |", "$HOME `id` %s %n 'x' & / |"],
    ["größe 版本 🚢", "größe 版本 🚢"],
    ["tab\tand\nnewline\u007f", "tabandnewline"],
    ["-n", "-n"],
    ["", "unknown"],
  ])("holds %j as valid JSON", (version, expected) => {
    const { stdout, status } = start({ APP_VERSION: version }, "version.json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ version: expected });
  });
});

describe("PORT", () => {
  it("becomes nginx's listen directive", () => {
    expect(start({ PORT: "9090" }, "listen.conf").stdout).toBe("listen 9090;\n");
    expect(start({}, "listen.conf").stdout).toBe("listen 8080;\n");
  });

  it.each(["80; root /", "http", "-1"])("is refused when it is %j", (port) => {
    const { status, stderr } = start({ PORT: port }, "listen.conf");
    expect(status).toBe(64);
    expect(stderr).toContain(port);
  });
});
