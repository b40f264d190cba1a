import type { Findings } from "./findings.ts";
import { killRounds } from "./kill-run.ts";
import { plantedTree } from "./patched-copy.ts";

// Relays with a bug that kill rounds have to find, or rounds that find nothing show nothing.

interface Control {
  /** Where the bug shows. */
  readonly found: (findings: Findings) => readonly string[];
  readonly drainMs: number;
  /** It shows only where the DNS leads to the next hops, and mail becomes too old. */
  readonly isOfMx?: true;
}

/** What such a relay leaves undone is not waited for. */
const SHORT_DRAIN_MS = 5000;

const CONTROLS = {
  "ack-before-commit": { found: ({ lostForGood }) => lostForGood, drainMs: SHORT_DRAIN_MS },
  "report-apart": { found: ({ untoldForGood }) => untoldForGood, drainMs: SHORT_DRAIN_MS },
  "completion-dropped": { found: ({ unexplained }) => unexplained, drainMs: SHORT_DRAIN_MS },
  "completion-late": { found: ({ unexplained }) => unexplained, drainMs: SHORT_DRAIN_MS },
  "wake-too-late": { found: ({ asleep }) => asleep.filter((fault) => fault.endsWith("late")), drainMs: 60_000 },
  // That mail may fail for what the DNS says, and for its age, excuses neither of these.
  "dns-trouble-is-final": { found: ({ wronglyFailed }) => wronglyFailed, drainMs: SHORT_DRAIN_MS, isOfMx: true },
  "expires-too-soon": { found: ({ wronglyFailed }) => wronglyFailed, drainMs: SHORT_DRAIN_MS, isOfMx: true },
} as const satisfies Readonly<Record<string, Control>>;

type Name = keyof typeof CONTROLS;

const ROUNDS = 4;
const LOAD_MS = [3000, 4000] as const;

/** Those of a run by MX, or of one with a smart host. */
export function controlsOf(isMx: boolean): readonly Name[] {
  const all: readonly (readonly [string, Control])[] = Object.entries(CONTROLS);
  return all.filter(([, { isOfMx }]) => isMx || isOfMx !== true).map(([name]) => name as Name);
}

/** How often its bug shows, in rounds of the same kind as those that it is the control of. */
export async function timesFound(name: Name, seed: number, isMx: boolean): Promise<number> {
  const { tree, remove } = plantedTree(name);
  const { found, drainMs } = CONTROLS[name];
  try {
    const options = { rounds: ROUNDS, seed, loadMs: LOAD_MS, life: "under-load", isMx } as const;
    const { findings, seconds } = await killRounds({ ...options, tree, drainMs });
    const times = found(findings).length;
    console.log(`planted ${name}: ${times === 0 ? "NOT found" : `found ${times} times`} in ${seconds} s`);
    return times;
  } finally {
    remove();
  }
}
