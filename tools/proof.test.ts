import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { type Result, digestOf } from "../test/support/result-file.ts";
import { faultOf, readResults, strangeCommit } from "./proof.ts";
import { FIGURES, countsOf } from "./proof/figures.ts";
import { proofPage } from "./proof/page.ts";

const SHOWN = FIGURES[0]!.showings[0]!;

function result(counts: Readonly<Record<string, number>> = {}): Result {
  const bare = {
    suite: SHOWN.suite,
    commit: "0123456789abcdef0123456789abcdef01234567",
    command: "npm run crash",
    seed: 1,
    startedAt: "2026-11-21T00:00:00.000Z",
    seconds: 60,
    machine: { cores: 2, processor: "P", memoryMiB: 1024, system: "Linux 6", node: "v24", fileSystem: "ext4" },
    counts: {
      ...Object.fromEntries(
        FIGURES.flatMap(({ showings }) => showings)
          .filter(({ suite }) => suite === SHOWN.suite)
          .flatMap(countsOf)
          .map((name) => [name, 0]),
      ),
      ...counts,
    },
  };
  return { ...bare, digest: digestOf(bare) };
}

describe("a result", () => {
  test("as it was written has no fault", () => {
    expect(faultOf(result())).toBeUndefined();
  });

  test("whose figure was changed by hand is found out", () => {
    const whole = result();
    const changed = { ...whole, counts: { ...whole.counts, lost: 7 } };
    expect(faultOf(changed)).toContain("was changed after its run");
  });

  test("of a commit that is nobody's ancestor is found out", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "waypost-proof-"));
    const git = (...args: readonly string[]): string =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t.test", ...args], {
        cwd: folder,
        encoding: "utf8",
      }).trim();
    try {
      git("init", "-q", "-b", "main");
      git("commit", "-q", "--allow-empty", "-m", "one");
      const first = git("rev-parse", "HEAD");
      git("checkout", "-q", "-b", "aside");
      git("commit", "-q", "--allow-empty", "-m", "aside");
      const aside = git("rev-parse", "HEAD");
      git("checkout", "-q", "main");
      git("commit", "-q", "--allow-empty", "-m", "two");
      expect(strangeCommit(first, folder)).toBeUndefined();
      expect(strangeCommit(aside, folder)).toContain("no ancestor");
      expect(strangeCommit("0".repeat(40), folder)).toContain("no ancestor");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("without a count that a figure shows, or of an unknown suite, is found out", () => {
    const { counts, ...rest } = result();
    const fewer = Object.fromEntries(Object.entries(counts).slice(1));
    expect(faultOf({ ...rest, counts: fewer, digest: digestOf({ ...rest, counts: fewer }) })).toContain("has no count");
    const other = { ...result(), suite: "unheard-of" };
    expect(faultOf({ ...other, digest: digestOf(other) })).toContain("no figure");
  });
});

describe("the page", () => {
  test("has each figure with its target, also before a run", () => {
    const page = proofPage([]);
    for (const { name, showings } of FIGURES) {
      expect(page).toContain(name);
      for (const { target } of showings) expect(page).toContain(target);
    }
  });

  test("says where a target does not hold", () => {
    expect(proofPage([result({ rounds: 300, acknowledged: 300_000 })])).toContain("| holds |");
    expect(proofPage([result({ rounds: 300, acknowledged: 300_000, lost: 1 })])).toContain("| short");
  });

  test("no result of this tree has a fault", () => {
    for (const found of readResults()) expect(faultOf(found), found.suite).toBeUndefined();
  });
});
