import { spawnSync } from "node:child_process";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { read, typed } from "../support/options.ts";
import { TREE } from "../support/relay.ts";

// What is typed wrong is refused by every command of the proof, before it runs anything: a suite that ran nothing is green for nothing.

const COMMAND = {
  usage: ["npm run x"],
  options: {
    rounds: { kind: "count", default: 20, help: "" },
    seed: { kind: "count", default: 1, min: 0, help: "" },
    mx: { kind: "flag", help: "" },
    life: { kind: "choice", of: ["young", "twice"], help: "" },
    bugs: { kind: "choices", of: ["a", "b"], help: "" },
    out: { kind: "text", help: "" },
  },
} as const;

function fault(...args: readonly string[]): string | undefined {
  const reading = read(COMMAND, args);
  return reading !== "help" && "fault" in reading ? reading.fault : undefined;
}

describe("options", () => {
  test("have their values, or what they are without being given", () => {
    const { rounds, seed, mx, life, bugs, out } = (read(COMMAND, []) as { values: Record<string, unknown> }).values;
    expect([rounds, seed, mx, life, bugs, out]).toEqual([20, 1, false, undefined, undefined, undefined]);
    const given = ["--rounds=3", "--seed", "0", "--mx", "--life", "young", "--bugs", "a,b", "--out", "x"];
    expect(read(COMMAND, given)).toEqual({
      values: { rounds: 3, seed: 0, mx: true, life: "young", bugs: ["a", "b"], out: "x" },
      words: [],
    });
    expect(read(COMMAND, ["--help", "--rounds", "x"])).toBe("help");
    expect(read(COMMAND, ["-h"])).toBe("help");
  });

  test.for(["x", "0", "-1", "1.5", "", " 3", "1e3", "0x10", "99999999999999999999"])("no count is %j", (count) => {
    expect(fault("--rounds", count)).toContain("--rounds takes a whole number, 1 or more");
  });

  test("that nobody knows, or take something else, are refused", () => {
    expect(fault("--bogus")).toBe("there is no option --bogus");
    expect(fault("--constructor", "x")).toBe("there is no option --constructor");
    expect(fault("-r", "3")).toBe("there is no option -r");
    expect(fault("stray")).toBe("stray is no option");
    expect(fault("--rounds")).toContain("--rounds takes a whole number");
    expect(fault("--rounds", "--seed", "3")).toContain("--rounds takes a whole number");
    expect(fault("--mx=1")).toBe('--mx takes no value, not "1"');
    expect(fault("--life", "old")).toBe('--life takes one of young, twice, not "old"');
    expect(fault("--bugs", "a,c")).toBe('--bugs takes some of a,b, not "c"');
    expect(fault("--bugs", "")).toContain("--bugs takes some of");
    expect(fault("--out")).toBe("--out takes a value");
  });

  test("are recorded as they are typed", () => {
    const { values } = read(COMMAND, ["--mx", "--rounds", "3"]) as { values: Record<string, unknown> };
    expect(typed(values)).toBe("--rounds 3 --seed 1 --mx");
    expect(typed(values, "rounds")).toBe("--rounds 3");
  });
});

const WRONG: readonly string[] = [
  "test/crash/kill.ts --rounds x",
  "test/crash/power.ts --cuts 0",
  "test/crash/crash-points.ts --every 0",
  "test/crash/disk.ts --patch nosuch",
  "test/fuzz/fuzz.ts received --inputs x",
  "test/fuzz/fuzz.ts nosuch",
  "test/planted/planted.ts --suites nosuch",
  "test/sim/sim.ts --patch sync-off,nosuch",
  "test/sim/sim.ts --patch all,sync-off",
  "test/overload/idle.ts stray",
  "test/overload/flood.ts --seconds 0",
  "test/overload/turns.ts --bogus",
  "test/overload/uploads.ts --count -1",
  "test/overload/readers.ts --readers many",
  "tools/suite.ts attacks --rows",
  "tools/suite.ts bulk --record",
  "bench/backlog.ts --messages 1000 --lanes 1001",
  "bench/fsync-order.ts --messages 0",
  "bench/upload.ts --rate 0",
];

test.for(WRONG)("%s: refused in a line, with the usage", (command) => {
  const [program = "", ...args] = command.split(" ");
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(TREE, program), ...args], {
    encoding: "utf8",
  });
  expect(stderr).toMatch(/^.+; nothing was run\n\nusage: npm run /);
  expect(stderr).not.toMatch(/^ +at /m);
  expect([stdout, status]).toEqual(["", 2]);
});
