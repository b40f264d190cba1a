import { StorageError } from "../ports/content.ts";
import type { QueueStore } from "../ports/store.ts";
import type { SpooledAnswer, SpooledQuestion } from "./messages.ts";

/** What the store knows of a file of the spool, for the mail thread that asks. */
export function spooledAnswer(
  store: Pick<QueueStore, "markOf">,
  { number, name }: Pick<SpooledQuestion, "number" | "name">,
): SpooledAnswer {
  try {
    return { kind: "spooled", number, mark: store.markOf(name) };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { kind: "spooled", number, mark: undefined, failure: error.message };
  }
}
