import { spawnSync } from "node:child_process";
import { Command, Option } from "commander";
import { expect, test } from "vitest";
import { SHELLS, completionScript } from "./completion.ts";
import { addExample } from "./help.ts";
import { treeOf } from "./tree.ts";

function program(): Command {
  const waypost = new Command("waypost");
  const queue = waypost.command("queue").description("the operator's");
  addExample(queue.command("list"), "queue list")
    .description("what waits: all of it")
    .option("-n, --limit <count>", "so many", "50")
    .option("-d, --data <folder>", "where")
    .addOption(new Option("--state <state>", "how").choices(["waiting", "held"]));
  waypost.command("start").description("run").option("-c, --config <file>", "what");
  return waypost;
}

const hasShell = (shell: string): boolean => spawnSync(shell, ["-c", "exit 0"]).status === 0;

/** What bash offers behind these words; the last one is begun. */
function offered(...words: string[]): string[] {
  const script = `${completionScript("bash", treeOf(program()))}
complete -p waypost >&2
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_waypost
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync("bash", ["--norc", "-c", script], { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, "complete -F _waypost waypost\n"]);
  return stdout.split("\n").filter((line) => line !== "");
}

test.skipIf(!hasShell("bash"))("bash completes commands, options and the values that it knows", () => {
  expect(offered("waypost", "")).toEqual(["queue", "start", "--help"]);
  expect(offered("waypost", "q")).toEqual(["queue"]);
  expect(offered("waypost", "queue", "")).toEqual(["list", "--help"]);
  expect(offered("waypost", "queue", "list", "--")).toEqual(["--limit", "--data", "--state", "--help"]);
  expect(offered("waypost", "queue", "list", "--state", "")).toEqual(["waiting", "held"]);
  expect(offered("waypost", "queue", "list", "--state", "held", "--s")).toEqual(["--state"]);
  expect(offered("waypost", "queue", "list", "-n", "")).toEqual([]);
  expect(offered("waypost", "queue", "list", "-d", "/etc/init")).toContain("/etc/init.d");
  expect(offered("waypost", "start", "--config", "/etc/pass")).toContain("/etc/passwd");
  expect(offered("waypost", "start", "queue")).toEqual([]);
});

test.each(SHELLS.filter(hasShell))("%s finds nothing wrong with its script", (shell) => {
  const input = completionScript(shell, treeOf(program()));
  expect(spawnSync(shell, ["-n"], { input, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
});

test("zsh and fish are told what each word is for, quotes and colons and all", () => {
  const tree = treeOf(program());
  expect(completionScript("zsh", tree)).toContain(`    ' queue') known=('list:what waits: all of it' '--help:help`);
  expect(completionScript("zsh", tree)).toContain(`    ' queue list -d'|' queue list --data') _files -/; return ;;`);
  expect(completionScript("fish", tree)).toContain(
    `complete -c waypost -n "__waypost_at ''" -f -a queue -d 'the operator\\'s'\n`,
  );
  expect(completionScript("fish", tree)).toContain(
    `complete -c waypost -n "__waypost_at ' queue list'" -l state -f -r -a 'waiting held' -d 'how'\n`,
  );
});
