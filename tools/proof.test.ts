import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type RunnerTask, describe, expect, test } from "vitest";
import { testsLeftOut } from "../test/support/recorded.ts";
import { type Result, digestOf, notCommitted } from "../test/support/result-file.ts";
import { edited, faultOf, impossibleRun, misnamed, otherCommand, readResults, strangeCommit } from "./proof.ts";
import { COMMANDS, FIGURES } from "./proof/figures.ts";
import { type Showing, countsOf, targetOf } from "./proof/showing.ts";
import { proofPage } from "./proof/page.ts";
import { figureLines, standing } from "./proof/told.ts";

const SHOWN = FIGURES[0]!.showings[0]!;

/** What the targets of its suite ask for, and no more. */
function enough(): Readonly<Record<string, number>> {
  const showings = FIGURES.flatMap((figure) => figure.showings).filter(({ suite }) => suite === SHOWN.suite);
  const terms = showings.map(({ atLeast, reaches }) => ({ ...atLeast, ...reaches }));
  const counts: Record<string, number> = Object.assign({}, ...terms);
  for (const [one, other] of showings.flatMap(({ equal = [] }) => equal))
    counts[one] = counts[other] = Math.max(counts[one] ?? 0, counts[other] ?? 0);
  return counts;
}

function result(counts: Readonly<Record<string, number>> = {}): Result {
  const bare = {
    suite: SHOWN.suite,
    commit: "0123456789abcdef0123456789abcdef01234567",
    command: "npm run crash -- --rounds 300 --acknowledged 300000 --seed 1 --record",
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
      ...enough(),
      ...counts,
    },
  };
  return { ...bare, digest: digestOf(bare) };
}

type Git = (...args: readonly string[]) => string;

function withRepository(work: (folder: string, git: Git) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), "waypost-proof-"));
  const git: Git = (...args) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t.test", ...args], {
      cwd: folder,
      encoding: "utf8",
    }).trim();
  try {
    git("init", "-q", "-b", "main");
    work(folder, git);
  } finally {
    rmSync(folder, { recursive: true });
  }
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

  test("that misses its target takes a reason", () => {
    expect(faultOf(result({ lost: 1 }))).toContain("misses its target by more than a reason is given for: 0 in");
  });

  test("of another seed than its command's is found out", () => {
    const other = { ...result(), seed: 2 };
    expect(faultOf({ ...other, digest: digestOf(other) })).toBe("is of the seed 2, and says 1");
  });

  test("that was recorded once and has other counts now is found out, also after a commit", () => {
    withRepository((folder, git) => {
      const write = (found: Result): void => writeFileSync(path.join(folder, "crash.json"), JSON.stringify(found));
      const commit = (): void => {
        git("add", "crash.json");
        git("commit", "-q", "-m", "result");
      };
      write(result());
      commit();
      expect(edited("crash.json", folder)).toBeUndefined();
      const other = { ...result({ lost: 1 }), digest: "" };
      write({ ...other, digest: digestOf(other) });
      expect(edited("crash.json", folder)).toContain("was changed after the run of 2026-11-21");
      commit();
      expect(edited("crash.json", folder)).toContain("was changed after the run of 2026-11-21");
      const later = { ...result(), startedAt: "2026-11-22T00:00:00.000Z" };
      write({ ...later, digest: digestOf(later) });
      expect(edited("crash.json", folder)).toBeUndefined(); // another run
    });
  });

  test("of a commit that is nobody's ancestor is found out", () => {
    withRepository((folder, git) => {
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
    });
  });

  test("of a commit that had no such suite, or that came after it, is found out", () => {
    withRepository((folder, git) => {
      const scripts = { crash: "node crash.ts" };
      writeFileSync(path.join(folder, "package.json"), JSON.stringify({ scripts }));
      mkdirSync(path.join(folder, "tools/proof"), { recursive: true });
      writeFileSync(path.join(folder, "tools/proof/figures.ts"), 'suite: "crash"');
      git("add", ".");
      git("commit", "-q", "-m", "one", "--date", "2026-11-21T00:00:00Z");
      const committedAt = Date.parse(git("show", "-s", "--format=%cI"));
      const run = {
        ...result(),
        commit: git("rev-parse", "HEAD"),
        startedAt: new Date(committedAt + 60_000).toISOString(),
      };
      expect(impossibleRun(run, folder)).toBeUndefined();
      expect(impossibleRun({ ...run, command: "npm run power-cuts -- --cuts 100 --record" }, folder)).toContain(
        "a script power-cuts, which its commit has not",
      );
      expect(impossibleRun({ ...run, suite: "laws" }, folder)).toBe("is of a suite that its commit has not");
      const before = new Date(committedAt - 60_000).toISOString();
      expect(impossibleRun({ ...run, startedAt: before }, folder)).toContain("before its commit");
      expect(impossibleRun({ ...run, startedAt: "yesterday" }, folder)).toContain("before its commit");
    });
  });

  test("of a part of its suite is found out, and one of more of it is not", () => {
    const whole = COMMANDS["crash"];
    const most = "--acknowledged 300000";
    expect(otherCommand(`npm run crash -- --rounds 300 ${most} --seed 7 --record`, whole)).toBeUndefined();
    expect(otherCommand(`npm run crash -- --rounds 1000 ${most} --record`, whole)).toBeUndefined();
    for (const other of [
      `npm run crash -- --rounds 299 ${most} --seed 1 --record`,
      "npm run crash -- --rounds 300 --record",
      `npm run crash -- --rounds 300 ${most} --life young --record`,
      `npm run crash -- --rounds 300 ${most} --mx --record`,
      `npm run crash -- --rounds 300 ${most}`,
      "npm run power-cuts -- --rounds 300 --record",
    ])
      expect(otherCommand(other, whole), other).toContain(
        "a whole run is npm run crash -- --rounds 300 --acknowledged 300000 --record",
      );
    expect(otherCommand("npm run fuzz -- received --inputs 300000", COMMANDS["fuzz"])).toContain("a whole run is");
    const { laws } = COMMANDS;
    expect(otherCommand("npm run attacks -- --record", laws)).toBeUndefined();
    expect(otherCommand("WAYPOST_RECORD=1 npm run attacks", laws)).toBeUndefined(); // as it was typed before
    expect(otherCommand("WAYPOST_RECORD=1 npm run next-hops", laws)).toContain("a whole run is");
    expect(otherCommand("npm run attacks", laws)).toContain("a whole run is");
    const part = { ...result(), command: "npm run crash -- --rounds 20 --seed 1 --record" };
    expect(faultOf({ ...part, digest: digestOf(part) })).toContain("a whole run is");
  });

  test("of a queue on another kind of disk than a whole run has is found out", () => {
    const { backlog } = COMMANDS;
    expect(otherCommand(backlog!, backlog)).toBeUndefined();
    expect(otherCommand(backlog!.replace("/var/tmp", "/dev/shm"), backlog)).toContain("a whole run is");
  });

  test("is not recorded of what was compiled, or of what nobody committed", () => {
    withRepository((folder, git) => {
      mkdirSync(path.join(folder, "src"));
      writeFileSync(path.join(folder, ".gitignore"), "dist/\n");
      writeFileSync(path.join(folder, "src/a.ts"), "");
      git("add", ".");
      git("commit", "-q", "-m", "one");
      expect(notCommitted(folder)).toBeUndefined();
      mkdirSync(path.join(folder, "dist"));
      expect(notCommitted(folder)).toBe("not recorded: what is compiled in dist would run; remove dist");
      rmSync(path.join(folder, "dist"), { recursive: true });
      writeFileSync(path.join(folder, "src/b.ts"), "");
      expect(notCommitted(folder)).toContain("src/b.ts");
    });
  });

  test("in a file of another name is a fault like the others", () => {
    expect(misnamed({ name: "crash.json", result: result() })).toBeUndefined();
    expect(misnamed({ name: "crash-2.json", result: result() })).toBe("is of the suite crash");
    const folder = mkdtempSync(path.join(tmpdir(), "waypost-proof-"));
    try {
      for (const name of ["crash.json", "crash-2.json"])
        writeFileSync(path.join(folder, name), JSON.stringify(result()));
      expect(readResults(folder)).toHaveLength(1);
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

test("a test of a file that did not run keeps the file from being recorded", () => {
  const ran = { type: "test", mode: "run", name: "one" } as const;
  const left = { type: "test", mode: "skip", name: "two" } as const;
  const inside = { type: "suite", mode: "run", name: "some", tasks: [ran, left] } as const;
  expect([ran, inside].flatMap((task) => testsLeftOut(task as unknown as RunnerTask))).toEqual(["two"]);
});

describe("the page", () => {
  test("has each figure with its target, also before a run", () => {
    const page = proofPage([]);
    for (const { name, showings } of FIGURES) {
      expect(page).toContain(name);
      for (const showing of showings) expect(page).toContain(targetOf(showing));
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

describe("a target", () => {
  const showings = FIGURES.flatMap((figure) => figure.showings);

  test("has its numbers from its terms: none is written in its words", () => {
    for (const { target } of showings) {
      const words = target.replace(/\{\w+\}/g, "").replace(/\(p[\d.]+\)/g, "");
      // What has to be none is not a number of the terms.
      expect(words.match(/\d+/g) ?? [], target).toEqual(words.startsWith("0") ? ["0"] : []);
      expect(target).not.toContain("{}");
    }
  });

  test("has all the numbers of its terms in its words, but for what has to be there once", () => {
    for (const showing of showings) {
      const { atLeast, reaches, atMost } = showing;
      const words = targetOf(showing);
      expect(words).not.toContain("?");
      for (const [name, number] of Object.entries({ ...atLeast, ...reaches, ...atMost }))
        if (number !== 1) expect(words, name).toContain(number.toLocaleString("en-US"));
    }
  });

  test("lets no repeat without an excuse hold, in any suite that counts them", () => {
    const zeros = Map.groupBy(showings, ({ suite }) => suite);
    const counting = [...zeros].filter(([, those]) => those.some(({ zero = [] }) => zero.includes("lost")));
    expect(counting.map(([suite]) => suite)).toEqual(["crash", "crash-mx", "power-cuts", "full-disk"]);
    for (const [suite, those] of counting) {
      const whole = Object.fromEntries(those.flatMap(countsOf).map((name) => [name, 0]));
      const isShort = those.some((showing) => standing(showing, { ...whole, unexplained: 500 }).startsWith("short"));
      expect(isShort && those.some(({ zero = [] }) => zero.includes("unexplained")), suite).toBe(true);
    }
  });

  test("names a suite with a whole command, and each of those is of a figure", () => {
    expect(new Set(Object.keys(COMMANDS))).toEqual(new Set(showings.map(({ suite }) => suite)));
  });
});

describe("a suite says at its end", () => {
  const showing: Showing = {
    suite: "crash",
    value: "{lost} of {tried}, {p99Ms} ms",
    target: "0 of {tried}, {p99Ms} ms",
    zero: ["lost"],
    atLeast: { tried: 100 },
    reaches: { sharePercent: 90 },
    atMost: { p99Ms: 2000 },
  };
  const counts = { lost: 0, tried: 100, sharePercent: 90, p99Ms: 2000 };

  test("that its target holds, what of it is short, and that it was a part of a run", () => {
    expect(standing(showing, counts)).toBe("holds");
    expect(standing(showing, { ...counts, p99Ms: 6741 })).toBe("short (p99Ms 6,741, at most 2,000)");
    expect(standing(showing, { ...counts, lost: 1, sharePercent: 80 })).toBe("short (lost 1, sharePercent 80 of 90)");
    expect(standing(showing, { ...counts, tried: 5 })).toBe("a part of a run (tried 5 of 100)");
    expect(standing(showing, { ...counts, tried: 5, lost: 1 })).toBe(
      "short (lost 1) in a part of a run (tried 5 of 100)",
    );
    expect(standing(showing, { lost: 0, tried: 100, p99Ms: 1 })).toBe("a part of a run (sharePercent not counted)");
    expect(standing({ ...showing, short: { why: "why", atMost: {} } }, { ...counts, lost: 1 })).toBe(
      "short (lost 1): why",
    );
  });

  test("its own figures, and not those that it did not count", () => {
    const [head, ...lines] = figureLines("full-disk", { lost: 0, rounds: 3, recoveryMs: 20_000 });
    expect(head).toBe("figures:");
    expect(lines.join("\n")).toContain("short (recoveryMs 20,000, at most 10,000) in a part of a run (rounds 3 of 20");
    expect(lines.at(-1)).toBe("- 1 more figure with --record");
    const found = { crashes: 0, hangs: 0, violations: 0, inputs: 5, inputsLeast: 5, targets: 1, arrived: 0 };
    const [, fuzzed = ""] = figureLines("fuzz", { ...found, statesReached: 3, statesAll: 4 });
    expect(fuzzed).toMatch(/^- 0 crashes.*; 3 of 4 session states reached$/);
    expect(figureLines("fuzz", { ...found, coverageMinPercent: 97 })[1]).toMatch(/: 97 % at least$/);
    expect(figureLines("unheard-of", { lost: 0 })).toEqual([]);
  });
});
