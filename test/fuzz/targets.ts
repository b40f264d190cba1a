import type { Target } from "./target.ts";

// Imported only when they are wanted: what is measured has to be imported after the measuring began.

const GROUPS: readonly (() => Promise<{ readonly targets: readonly Target[] }>)[] = [
  () => import("./targets/envelope.ts"),
  () => import("./targets/replies.ts"),
  () => import("./targets/content.ts"),
  () => import("./targets/hops.ts"),
  () => import("./targets/submission.ts"),
  () => import("./targets/values.ts"),
  () => import("./targets/texts.ts"),
  () => import("./targets/binary.ts"),
  () => import("./targets/queue-file.ts"),
  () => import("./targets/session.ts"),
  () => import("./targets/dialogue.ts"),
  () => import("./targets/control.ts"),
  () => import("./targets/loopback.ts"),
];

/** All of them, in the order of the list. */
export async function allTargets(): Promise<readonly Target[]> {
  const groups = await Promise.all(GROUPS.map((group) => group()));
  return groups.flatMap(({ targets }) => targets);
}
