import type { DatabaseSync } from "node:sqlite";
import type { Pause, PauseTarget } from "../../core/queue/pause.ts";

// What is paused: a row of `setting` each, `pause/inbound`, `pause/outbound` or `pause/lane/LANE`, with the time since when.

const PREFIX = "pause/";
const LANE = "lane/";

export function settingOf(target: PauseTarget): string {
  return `${PREFIX}${target.kind === "lane" ? `${LANE}${target.lane}` : target.kind}`;
}

/** A pause of a kind that this version does not know is left alone. */
export function readPauses(database: DatabaseSync): Pause[] {
  return database
    .prepare(`SELECT name, value FROM setting WHERE name >= '${PREFIX}' AND name < 'pause0' ORDER BY name`)
    .all()
    .flatMap(({ name, value }) => {
      const target = targetOf((name as string).slice(PREFIX.length));
      return target === undefined ? [] : [{ target, since: Date.parse(value as string) }];
    });
}

function targetOf(name: string): PauseTarget | undefined {
  if (name === "inbound" || name === "outbound") return { kind: name };
  return name.startsWith(LANE) ? { kind: "lane", lane: name.slice(LANE.length) } : undefined;
}
