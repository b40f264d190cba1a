import { type Reply, renderReply, tempfail } from "../smtp/reply.ts";

// What a session hears of our own trouble: always 4yz, never the sender's fault (promise P5).

export const SHUTTING_DOWN = tempfail(421, "4.3.2", "Shutting down, try again soon");
export const TOO_MANY_SESSIONS = tempfail(421, "4.7.0", "Too many connections; try again later");
export const OUR_FAULT = tempfail(421, "4.3.0", "Something is wrong here; try again later");
export const NO_SPACE = tempfail(452, "4.3.1", "Not enough space; try again later");
export const NOT_STORED = tempfail(451, "4.3.0", "The message could not be stored; try again later");
/** An operator wants it so. */
export const PAUSED = tempfail(451, "4.3.2", "No mail is taken for now; try again later");
export const TOO_MANY_LOGINS = tempfail(454, "4.7.0", "Too many authentications at once; try again soon");

/** For a message that disk or store did not take. */
export function notKept(reason: "full" | "failed"): Reply {
  return reason === "full" ? NO_SPACE : NOT_STORED;
}

const FOR_ALL_MAIL = new Set(
  [SHUTTING_DOWN, NO_SPACE, NOT_STORED, PAUSED].map((reply) => renderReply(reply).trimEnd()),
);

/** Whether a reply says that no mail can be taken, whatever it is. `reply` is its text without CR LF. */
export function isForAllMail(reply: string): boolean {
  return FOR_ALL_MAIL.has(reply);
}
