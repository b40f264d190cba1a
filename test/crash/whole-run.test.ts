import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";

const COMMANDS = ["kill.ts", "power.ts", "disk.ts", "crash-points.ts"];

function run(command: string, ...args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const program = path.join(import.meta.dirname, command);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
  return { status, said: `${stdout}${stderr}` };
}

test.for(COMMANDS)("what was run with a bug in it is not recorded: %s", (command) => {
  const { status, said } = run(command, "--record", "--patch", "sync-off");
  expect(said).toBe(
    "--record is for a whole run of the relay as it is, and does not go with --patch; nothing was run\n",
  );
  expect(status).toBe(2);
});

test("nor are kills of one kind only", () => {
  const { status, said } = run("kill.ts", "--record", "--life", "young");
  expect(said).toContain("does not go with --life");
  expect(status).toBe(2);
});
