import type { Notify } from "../mail/envelope.ts";
import { type MessageId, isMessageId } from "../mail/message-id.ts";
import type { Action } from "./report.ts";

// Who is told of what became of a delivery. Silence is a recorded decision (promise P2).

/** Whether the sender gets a report, and where not, why. */
export type Notice =
  "report" | "null-sender" | "to-postmaster" | "postmasters-own" | "went-in-circles" | "not-asked" | "passed-on";

/** Silence in the words of history and log. */
export const SILENCE: Readonly<Record<Exclude<Notice, "report">, string>> = {
  "null-sender": "nobody told: the message has no sender",
  "to-postmaster": "nobody told: it was the notice to postmaster",
  "postmasters-own": "nobody told: a notice would go to the address that failed",
  "went-in-circles": "nobody told: a notice would go round in circles as the message did",
  "not-asked": "sender not told: it asked for no report of this (NOTIFY)",
  "passed-on": "sender not told by us: the next hop offers DSN and has the request",
};

/** What history and log say where somebody was told. */
export function toldNote(audience: "sender" | "postmaster", report: MessageId, lacks: string): string {
  return `${audience}${TOLD}${report}${lacks}`;
}

const TOLD = " told in report ";

/** The report that such a note names, alone or behind other words; undefined where nobody was told. */
export function reportIn(note: string): MessageId | undefined {
  const at = note.indexOf(TOLD);
  const id = at === -1 ? "" : note.slice(at + TOLD.length).split(/[,;]/, 1)[0]!;
  return isMessageId(id) ? id : undefined;
}

export interface NoticeFacts {
  readonly action: Action;
  /** As between the brackets of MAIL. */
  readonly reversePath: string;
  readonly notify: Notify | undefined;
  /** The next hop took the message and offers DSN: reports of success are its business (RFC 3461 section 5.2.7). */
  readonly isPassedOn: boolean;
  /** Whether a sender who did not say hears of a delay. */
  readonly tellsDelays: boolean;
}

const ASKED: Readonly<Record<Action, "failure" | "delay" | "success">> = {
  failed: "failure",
  delayed: "delay",
  relayed: "success",
};

/** RFC 3461 sections 4.1 and 5.2; a message without a sender is never answered (RFC 5321 section 4.5.5). */
export function noticeOf({ action, reversePath, notify, isPassedOn, tellsDelays }: NoticeFacts): Notice {
  if (reversePath === "") return "null-sender";
  if (notify === "never") return "not-asked";
  if (notify === undefined)
    return action === "failed" || (action === "delayed" && tellsDelays) ? "report" : "not-asked";
  if (!notify.includes(ASKED[action])) return "not-asked";
  return action === "relayed" && isPassedOn ? "passed-on" : "report";
}
