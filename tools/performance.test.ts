import { describe, expect, test } from "vitest";
import { countsOf } from "../bench/side-by-side/record.ts";
import { type Result, digestOf } from "../test/support/result-file.ts";
import { faultOf } from "./performance.ts";
import { performancePage } from "./performance/page.ts";
import type { Summary } from "../bench/side-by-side/summary.ts";

function summary(contender: string, relayedPerSecond: number, relayMs: number): Summary {
  return {
    contender,
    relayedPerSecond,
    relayMs,
    messages: 1000,
    rounds: 5,
    acceptedPerSecond: relayedPerSecond,
    loadMs: 0.1,
    peakMiB: 100,
    acceptP50Ms: undefined,
    acceptP99Ms: undefined,
  };
}

function result(command = "npm run bench -- --rounds 5 --record"): Result {
  const bare = {
    suite: "bench",
    commit: "0123456789abcdef0123456789abcdef01234567",
    command,
    seed: null,
    startedAt: "2026-11-21T00:00:00.000Z",
    seconds: 600,
    machine: { cores: 2, processor: "P", memoryMiB: 1024, system: "Linux 6", node: "v24", fileSystem: "ext4" },
    counts: countsOf([
      {
        case: "plain",
        summaries: [summary("postfix", 400, 2), summary("waypost", 4000, 0.2), summary("none", 8000, 0)],
      },
    ]),
  };
  return { ...bare, digest: digestOf(bare) };
}

describe("the page of speed", () => {
  test("has each relay's figures and what one is to the other", () => {
    const page = performancePage(result());
    expect(page).toContain("| waypost | 4,000 | 4,000 | 0.200 | 0.100 | 100 |  |");
    expect(page).toContain("| none | 8,000 | 8,000 |  | 0.100 |  |  |");
    expect(page).toContain("relays 10.00 times as many messages, for 1/10.0 of the processor time");
  });

  test("says where nothing was run", () => {
    expect(performancePage(undefined)).toContain("Nothing is recorded yet");
  });
});

describe("a result of the benchmark", () => {
  // A folder without a history, which knows no commits.
  const fault = (of: Result): string | undefined => faultOf(of, "/nowhere");

  test("as it was written has no fault", () => {
    expect(fault(result())).toBeUndefined();
  });

  test("whose figure was changed by hand, or of a part of the benchmark, is found out", () => {
    const whole = result();
    const counts = { ...whole.counts, "plain/waypost/relayedPerSecond": 9000 };
    expect(fault({ ...whole, counts })).toContain("was changed after its run");
    expect(fault(result("npm run bench -- --rounds 1 --record"))).toContain("a whole run is");
  });
});
