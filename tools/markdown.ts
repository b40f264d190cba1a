import type { Result } from "../test/support/result-file.ts";

// What the generated pages of results have in common.

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}

/** A number as people read it, with so many digits behind the point at most. */
export function shown(value: number | undefined, most = 3, least = 0): string {
  if (value === undefined) return "?";
  return value.toLocaleString("en-US", { minimumFractionDigits: least, maximumFractionDigits: most });
}

/** Where a result comes from, as a list. */
export function originOf({ command, commit, seed, startedAt, seconds, machine }: Result): string {
  const { cores, processor, memoryMiB, system, node, fileSystem } = machine;
  return [
    `- command: \`${command}\`${seed === null ? "" : `, seed ${seed}`}`,
    `- commit: \`${commit}\``,
    `- started ${startedAt}, took ${shown(seconds)} s`,
    `- machine: ${cores} cores (${processor}), ${shown(memoryMiB)} MiB, ${system}, Node ${node}, ${fileSystem}`,
  ].join("\n");
}
