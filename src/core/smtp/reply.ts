import { invariant } from "../base/invariant.ts";

/** An enhanced status code of one class (RFC 3463). The class of code and status cannot differ: it does not compile. */
export type Status<Class extends 2 | 4 | 5> = `${Class}.${number}.${number}`;

export type SuccessCode = 211 | 214 | 220 | 221 | 235 | 250 | 251 | 252;
export type TempfailCode = 421 | 432 | 450 | 451 | 452 | 454;
export type PermfailCode =
  500 | 501 | 502 | 503 | 504 | 521 | 523 | 530 | 534 | 535 | 538 | 550 | 551 | 552 | 553 | 554 | 555;
export type IntermediateCode = 334 | 354;

/** What a server says. `status` is absent where RFC 2034 section 4 has none: greeting, answers to EHLO and HELO, 3yz. */
export interface Reply {
  readonly code: number;
  readonly status: string | undefined;
  readonly lines: readonly string[];
}

export function success(code: SuccessCode, status: Status<2>, text: string): Reply {
  return { code, status, lines: [text] };
}

export function tempfail(code: TempfailCode, status: Status<4>, text: string): Reply {
  return { code, status, lines: [text] };
}

export function permfail(code: PermfailCode, status: Status<5>, text: string): Reply {
  return { code, status, lines: [text] };
}

export function intermediate(code: IntermediateCode, text: string): Reply {
  return { code, status: undefined, lines: [text] };
}

/** The first that a server says. */
export function greeting(text: string): Reply {
  return { code: 220, status: undefined, lines: [text] };
}

/** The EHLO response: first the server's name, then a keyword a line (RFC 5321 section 4.1.1.1). */
export function keywords(lines: readonly string[]): Reply {
  return { code: 250, status: undefined, lines };
}

/** The octets of a reply as text, CR LF included. Lines hold no control characters: replies are made of our own words. */
export function renderReply(reply: Reply): string {
  const status = reply.status === undefined ? "" : `${reply.status} `;
  const last = reply.lines.length - 1;
  invariant(last >= 0, "a reply has at least one line");
  if (last === 0) return `${reply.code} ${status}${reply.lines[0]}\r\n`;
  let text = "";
  for (let i = 0; i < last; i++) text += `${reply.code}-${status}${reply.lines[i]}\r\n`;
  return `${text}${reply.code} ${status}${reply.lines[last]}\r\n`;
}
