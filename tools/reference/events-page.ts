import { EVENTS, type EventEntry } from "../../src/core/events.ts";
import { REASONS } from "../../src/core/queue/reason.ts";

/** The events that the relay writes to its log, and the reasons that it gives for what waits. */
export function eventsPage(): string {
  const lines = [
    "# Events",
    "",
    "Written from the code by `npm run reference`. The log has one JSON object a line on stdout: `time`, `level`, `event`,",
    "and the fields of that event. A field whose value is unknown is left out. What came from a peer is escaped.",
    "",
  ];
  for (const [name, entry] of Object.entries(EVENTS) as [string, EventEntry<Record<string, unknown>>][]) {
    lines.push(`## ${name}`, "", `Level ${entry.level}. ${entry.description}`, "");
    for (const [field, words] of Object.entries(entry.fields)) lines.push(`- \`${field}\`: ${words}`);
    lines.push("");
  }
  lines.push("# Reasons", "", "Why a delivery is where it is, as `waypost queue list` says it.", "");
  for (const [reason, words] of Object.entries(REASONS)) lines.push(`- \`${reason}\`: ${words}.`);
  return `${lines.join("\n")}\n`;
}
