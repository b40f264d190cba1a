import { printable } from "../../core/base/printable.ts";
import type { ConfigChange } from "../../core/config/diff.ts";
import { NOT_SHOWN } from "../../core/config/shown-value.ts";
import type { ReloadReport } from "../../engine/operator.ts";

// What `waypost reload` and `waypost config diff` print for people.

/** What would change. */
export function changeLines({ source, changes, warnings }: ReloadReport): string[] {
  const from = printable(source);
  if (changes.length === 0) return [`${from}: the relay goes by it already`, ...warningLines(warnings)];
  return [...changes.map(changeLine), ...warningLines(warnings), ...restartLines(changes)];
}

/** What was done. */
export function reloadLines({ source, changes, renewed = [], warnings }: ReloadReport): string[] {
  const now = changes.filter(({ needsRestart }) => !needsRestart).length + renewed.length;
  const what = now === 1 ? "1 change" : `${now} changes`;
  return [
    ...changes.map(changeLine),
    ...renewed.map((file) => `~ ${printable(file)}: another certificate`),
    ...warningLines(warnings),
    `${printable(source)}: reloaded, ${now === 0 ? "no change" : what}`,
    ...restartLines(changes),
  ];
}

const SIGNS = { added: "+", removed: "-", changed: "~" } as const;

function changeLine({ key, kind, before, after, needsRestart }: ConfigChange): string {
  return `${SIGNS[kind]} ${printable(key)}: ${valuesText(before, after)}${needsRestart ? "  (needs a restart)" : ""}`;
}

/** What was and what is; where both look the same, it is what is not shown that changed. */
function valuesText(before: string | undefined, after: string | undefined): string {
  if (before !== undefined && before === after)
    return before === JSON.stringify(NOT_SHOWN)
      ? "changed, not shown"
      : `${printable(before)}, changed where it is not shown`;
  return [before, after].flatMap((value) => (value === undefined ? [] : [printable(value)])).join(" -> ");
}

function warningLines(warnings: readonly string[]): string[] {
  return warnings.map((warning) => `warning: ${printable(warning)}`);
}

function restartLines(changes: readonly ConfigChange[]): string[] {
  const keys = changes.flatMap(({ key, needsRestart }) => (needsRestart ? [printable(key)] : []));
  return keys.length === 0 ? [] : [`The relay keeps what it has of ${keys.join(", ")} until it is started again.`];
}
