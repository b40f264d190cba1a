import { expect, test } from "vitest";
import { controlsOf, timesFound } from "./kill-controls.ts";
import { wrongsIn } from "./findings.ts";
import { killRounds } from "./kill-run.ts";
import { LIVES } from "./lives.ts";
import { isProof } from "../support/proof.ts";
import { plantedTree } from "./patched-copy.ts";

// The small version of `npm run crash`: a few kills of the relay as it is, and of relays with a bug planted in them,
// which have to be found out.

const SMALL = { loadMs: [800, 1600], messagesMin: 350, freezeMs: 3000, seed: 7 } as const;
const PLAIN = { ...SMALL, life: "under-load" } as const;

test("what was acknowledged survives every kind of end, only deliveries in flight are repeated, and each failure is in one report", async () => {
  const report = await killRounds({ ...SMALL, rounds: LIVES.length });
  expect(wrongsIn(report.findings)).toEqual([]);
  for (const life of LIVES) expect(report.lives[life], life).toBeGreaterThan(0);
  expect(report.kills["kills"]! + report.stopsInTime).toBeGreaterThanOrEqual(LIVES.length);
  expect(report.findings.acknowledgedMessages).toBeGreaterThan(300);
  expect(report.kills["killsWithQueue"]).toBeGreaterThan(0);
  expect(report.kills["killsBeforeStore"]).toBe(0);
  expect(report.kills["killsDuringStart"]).toBeGreaterThan(0);
  expect(report.kills["killsDuringStop"]! + report.stopsInTime).toBeGreaterThan(0);
  expect(report.findings.recordMs.length).toBeGreaterThan(50);
  expect(report.findings.reports).toBeGreaterThan(0);
});

test("by MX too: what the DNS, a server or its age ends is told once, and nothing else fails", async () => {
  const report = await killRounds({ ...PLAIN, rounds: 3, acknowledgedMin: 100, isMx: true });
  expect(report.rounds).toBe(3);
  expect(wrongsIn(report.findings)).toEqual([]);
  expect(report.kills["kills"]).toBeGreaterThanOrEqual(3);
  expect(report.findings.acknowledgedMessages).toBeGreaterThan(300);
  expect(report.findings.failedByDns).toBeGreaterThan(0);
  expect(report.findings.expired).toBeGreaterThan(0);
  expect(report.findings.reports).toBeGreaterThan(0);
});

test("the controls of a run by MX go by MX too, and have two for what only that run excuses", () => {
  expect(controlsOf(true)).toEqual([...controlsOf(false), "dns-trouble-is-final", "expires-too-soon"]);
});

// Each takes half a minute: both are looked for in `npm run crash -- --mx --record`.
test.for(isProof ? (["dns-trouble-is-final", "expires-too-soon"] as const) : (["dns-trouble-is-final"] as const))(
  "planted: that mail may fail for the DNS or its age is no excuse by MX: %s",
  async (name) => {
    expect(await timesFound(name, 7, true)).toBeGreaterThan(0);
  },
);

test("planted: a 250 before the commit loses mail", async () => {
  const { tree, remove } = plantedTree("ack-before-commit");
  try {
    const report = await killRounds({ ...PLAIN, rounds: 3, tree, drainMs: 15_000 });
    expect(report.findings.lostForGood.length).toBeGreaterThan(0);
  } finally {
    remove();
  }
});

test("planted: a report that is recorded after the end that it is about is lost with the kill", async () => {
  const { tree, remove } = plantedTree("report-apart");
  try {
    const report = await killRounds({ ...PLAIN, rounds: 3, tree, drainMs: 15_000 });
    expect(report.findings.untoldForGood.length).toBeGreaterThan(0);
  } finally {
    remove();
  }
});

test("planted: deliveries whose end is not recorded are repeated without an excuse", async () => {
  const { tree, remove } = plantedTree("completion-dropped");
  try {
    // Long enough that deliveries ended well before the kill: those within a moment of it have an excuse.
    const report = await killRounds({ ...PLAIN, loadMs: [3000, 4000], rounds: 2, tree, drainMs: 5000 });
    expect(report.findings.unexplained.length).toBeGreaterThan(0);
    expect(report.findings.leftInQueue).toBeGreaterThan(0);
  } finally {
    remove();
  }
});

// Those that are never recorded are found above, by the same judge.
test.for(isProof ? ["completion-late"] : [])(
  "planted: %s: ends that are recorded late are repeated without an excuse",
  async (patch) => {
    const { tree, remove } = plantedTree(patch);
    try {
      // They are late by 1.2 s: a round is longer than that.
      const report = await killRounds({ ...PLAIN, loadMs: [3000, 4000], rounds: 2, tree, drainMs: 15_000 });
      expect(report.findings.unexplained.length).toBeGreaterThan(0);
      expect(report.findings.recordMs.at(-1)).toBeGreaterThan(500);
    } finally {
      remove();
    }
  },
);

test("planted: a lane that wakes a minute after its first delivery is due is seen before the clock is turned", async () => {
  const { tree, remove } = plantedTree("wake-too-late");
  try {
    // One round more, as they are not enough.
    const report = await killRounds({ ...PLAIN, rounds: 1, acknowledgedMin: Number.POSITIVE_INFINITY, tree });
    expect(report.rounds).toBe(2);
    expect(report.findings.waiting).toBeGreaterThan(0);
    expect(report.findings.asleep.length).toBeGreaterThan(0);
  } finally {
    remove();
  }
});
