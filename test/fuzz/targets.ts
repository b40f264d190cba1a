import type { Target } from "./target.ts";

// Imported only when they are wanted: what is measured has to be imported after the measuring began.

const GROUPS: readonly (() => Promise<{ readonly targets: readonly Target[] }>)[] = [
  () => import("./targets/command.ts"),
  () => import("./targets/path.ts"),
  () => import("./targets/domain.ts"),
  () => import("./targets/parameters.ts"),
  () => import("./targets/replies.ts"),
  () => import("./targets/data.ts"),
  () => import("./targets/header.ts"),
  () => import("./targets/mime.ts"),
  () => import("./targets/returned.ts"),
  () => import("./targets/hops.ts"),
  () => import("./targets/submission.ts"),
  () => import("./targets/sasl.ts"),
  () => import("./targets/network.ts"),
  () => import("./targets/address-pattern.ts"),
  () => import("./targets/password-hash.ts"),
  () => import("./targets/config-values.ts"),
  () => import("./targets/selection.ts"),
  () => import("./targets/printable.ts"),
  () => import("./targets/texts.ts"),
  () => import("./targets/dns-message.ts"),
  () => import("./targets/client-hello.ts"),
  () => import("./targets/der.ts"),
  () => import("./targets/handed-sockets.ts"),
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
