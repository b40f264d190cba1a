import { printable } from "../../core/base/printable.ts";
import type { ConfigChange } from "../../core/config/diff.ts";
import type { ReloadReport } from "../../engine/operator.ts";

// What `waypost reload` and `waypost config diff` print for people.

/** What would change. */
export function changeLines({ source, changes, warnings }: ReloadReport): string[] {
  const from = printable(source);
  if (changes.length === 0) return [`${from}: the relay goes by it already`, ...warningLines(warnings)];
  return [...changes.map(changeLine), ...warningLines(warnings), ...restartLines(changes)];
}

/** What was done. */
export function reloadLines({ source, changes, warnings }: ReloadReport): string[] {
  const now = changes.filter(({ needsRestart }) => !needsRestart);
  const what = now.length === 1 ? "1 change" : `${now.length} changes`;
  return [
    ...changes.map(changeLine),
    ...warningLines(warnings),
    `${printable(source)}: reloaded, ${now.length === 0 ? "no change" : what}`,
    ...restartLines(changes),
  ];
}

const SIGNS = { added: "+", removed: "-", changed: "~" } as const;

function changeLine({ key, kind, before, after, needsRestart }: ConfigChange): string {
  const values = [before, after].filter((value) => value !== undefined).map((value) => printable(value));
  return `${SIGNS[kind]} ${printable(key)}: ${values.join(" -> ")}${needsRestart ? "  (needs a restart)" : ""}`;
}

function warningLines(warnings: readonly string[]): string[] {
  return warnings.map((warning) => `warning: ${printable(warning)}`);
}

function restartLines(changes: readonly ConfigChange[]): string[] {
  const keys = changes.flatMap(({ key, needsRestart }) => (needsRestart ? [printable(key)] : []));
  return keys.length === 0 ? [] : [`The relay keeps what it has of ${keys.join(", ")} until it is started again.`];
}
