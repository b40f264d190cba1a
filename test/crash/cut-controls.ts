import { powerCuts } from "./cut-run.ts";
import { plantedTree } from "./patched-copy.ts";

// Stores that do not sync as they should: each has to lose mail, or power cuts without a loss show nothing.

const PATCHES = {
  /** Nothing is synced. */
  noSync: "sync-off",
  /** The log is synced with a checkpoint and not with each commit. */
  normal: "sync-normal",
  /** Files with large contents are not synced before their message is committed. */
  content: "content-unsynced",
} as const;

/** `tail`: the relay as it is, and a disk that forgets the end of what was synced. */
export type Control = keyof typeof PATCHES | "tail";
export const CONTROLS: readonly Control[] = [...(Object.keys(PATCHES) as (keyof typeof PATCHES)[]), "tail"];

/** Of the log, while everything waits in the queue. */
const TAIL = { tailLost: 0.5, moment: "with-backlog" } as const;
const USUAL = { moment: "under-load", loadMs: [3000, 4000], drainMs: 20_000 } as const;

/** What a relay says that finds contents and no store: it does not start, and all of its queue is gone. */
const STORE_IS_GONE = /queue\.db (has no queue in it|is missing), and messages that were accepted/;

/** Recipients whose mail such a store lost or altered, at least. */
export async function lostWith(control: Control, seed: number, cuts = 3): Promise<number> {
  const planted = control === "tail" ? undefined : plantedTree(PATCHES[control]);
  const fault = planted === undefined ? TAIL : { tree: planted.tree };
  try {
    const { findings } = await powerCuts({ ...USUAL, cuts, seed, ...fault });
    return findings.lostForGood.length + findings.altered.length;
  } catch (error) {
    if (error instanceof Error && STORE_IS_GONE.test(error.message)) return 1;
    throw error;
  } finally {
    planted?.remove();
  }
}
