import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect, test } from "vitest";
import { RelayHome, TREE, runCommand } from "../support/relay.ts";

test("try mode relays its sample at once, says what to type next and nothing that worries, and ends in order", async () => {
  const home = new RelayHome();
  const ports = ["--plain-port", "0", "--starttls-port", "0", "--tls-port", "0"];
  const args = [path.join(TREE, "bin/waypost.mjs"), "try", "--data", home.data, ...ports];
  const child = spawn(process.execPath, args, { cwd: home.folder, stdio: ["ignore", "pipe", "pipe"] });
  try {
    let output = "";
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    for await (const text of child.stdout.setEncoding("utf8")) {
      output += String(text);
      if (output.includes("Ctrl-C ends it.")) break;
    }
    expect(errors).toBe("");
    expect(output).toMatch(/^One sample message went through .*\n\nReceived: from /);
    const id = / id (\w+)/.exec(output)![1]!;
    const shown = await runCommand(["sink", "show", id, "--data", home.data], { cwd: home.folder });
    expect(shown).toMatchObject({ code: 0, output: expect.stringContaining(`id ${id}`), errors: "" });
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
    home.remove();
  }
});
