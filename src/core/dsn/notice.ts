import type { Notify } from "../mail/envelope.ts";
import type { Action } from "./report.ts";

/** Whether the sender gets a report, and where not, why: silence is a recorded decision (promise P2). */
export type Notice = "report" | "null-sender" | "not-asked" | "passed-on";

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
