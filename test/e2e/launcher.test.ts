import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { TREE } from "../support/relay.ts";

// The launcher on a Node that is too old for Waypost, which starts another one.

function oldNode(): string | undefined {
  const places = (process.env["PATH"] ?? "").split(":").map((folder) => path.join(folder, "node"));
  return places.find((file) => {
    if (!fs.existsSync(file)) return false;
    const { stdout } = spawnSync(file, ["--version"], { encoding: "utf8" });
    return /^v(1[89]|2[0-3])\./.test(stdout);
  });
}

const node = oldNode();

/** The shell becomes the launcher, so that it knows its number. */
function launched(variables: string): ReturnType<typeof spawnSync> {
  const script = `exec env ${variables} "$0" "$@"`;
  const args = ["-c", script, node!, path.join(TREE, "bin/waypost.mjs"), "version"];
  return spawnSync("sh", args, { encoding: "utf8", timeout: 20_000 });
}

test
  .skipIf(node === undefined)
  .each([
    ["LISTEN_FDS=99999999999"],
    ["LISTEN_PID=$$ LISTEN_FDS=99999999999"],
    ["LISTEN_PID=$$ LISTEN_FDS=x"],
    ["LISTEN_PID=1 LISTEN_FDS=200"],
    ["LISTEN_PID=$$ LISTEN_FDS=40"],
  ])("%s, where nothing was handed over, keeps nothing from starting", (variables) => {
  const { status, stdout, stderr } = launched(variables);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
