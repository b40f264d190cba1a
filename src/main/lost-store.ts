import fs from "node:fs";
import { countContents } from "../adapters/content-files/content-files.ts";
import { faultOfLog, hasLog, logOf, standingOf } from "../adapters/store-sqlite/store-files.ts";
import type { Event } from "../core/events.ts";
import type { dataPaths } from "./plan.ts";

/** The data folder has what belongs to a store, and no store. The text says what to do. */
export class StoreLostError extends Error {
  override readonly name = "StoreLostError";
}

/**
 * To be called before the store is opened, which would make a new one: contents are there only after the store is. Throws
 * `StoreLostError` where it went.
 */
export function checkStore({ queue, content }: Pick<ReturnType<typeof dataPaths>, "queue" | "content">): void {
  const standing = standingOf(queue);
  if (standing === "there") return;
  if (standing === "no-file")
    throw new StoreLostError(
      `${queue} is not a file: move away what is there, and put queue.db and queue.db-wal back if they stood there`,
    );
  const contents = countContents(content);
  // SQLite throws a log away that it finds beside an empty file.
  const log = standing !== "new" && hasLog(queue) ? logOf(queue) : undefined;
  if (contents === 0 && log === undefined) return;
  const what = standing === "missing" ? `${queue} is missing` : `${queue} has no queue in it`;
  const left = contents === 0 ? log : contents === 1 ? `1 content in ${content}` : `${contents} contents in ${content}`;
  const away = [...(contents === 0 ? [] : [content]), ...(log === undefined ? [] : [log])].join(" and ");
  throw new StoreLostError(
    `${what}, and messages that were accepted have left ${left}: put queue.db and queue.db-wal back from where they went, or start on a backup of the data folder; to begin with an empty queue all the same, move ${away} away`,
  );
}

/** What an operator has to know of the log of a store that is to be opened. `wasKilled`: nobody closed the store, so that it has one. */
export function tellsOfLog(queue: string, wasKilled: boolean): Event | undefined {
  if (!fs.existsSync(queue)) return undefined;
  const fault = faultOfLog(queue);
  if (fault === undefined || (fault === "missing" && !wasKilled)) return undefined;
  return { event: "store.log-missing", file: logOf(queue), fault };
}
