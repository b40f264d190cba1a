import type { Copy } from "../support/accounting-sink.ts";
import { type Lives, type Sent, judge } from "./account.ts";

// The judge of reports to senders. Pure, like the one of mail.

/** A report as a next hop took it. */
export interface ReportCopy {
  /** Its Message-ID; empty where it has none. */
  readonly id: string;
  readonly to: readonly string[];
  /** Recipients that it says failed. */
  readonly about: readonly string[];
  /** Of its body. */
  readonly hash: string;
  readonly loggedAt: number;
  readonly epoch: number;
  readonly wasClosed: boolean;
}

export function reportOf({ raw, recipients, bodyHash, loggedAt, epoch, wasClosed }: Copy): ReportCopy {
  const text = raw!.toString("latin1");
  const id = /^Message-ID: (\S+)\r$/m.exec(text)?.[1] ?? "";
  const failures = text.matchAll(/^Final-Recipient: rfc822; (\S+)\r\nAction: failed\r$/gm);
  return {
    id,
    to: recipients,
    about: [...failures].map((found) => found[1]!),
    hash: bodyHash,
    loggedAt,
    epoch,
    wasClosed,
  };
}

export interface ReportBooks {
  readonly sent: readonly Sent[];
  readonly reports: readonly ReportCopy[];
  /** Recipients that failed: the relay recorded it, or a next hop refused them and never took them. */
  readonly failed: ReadonlySet<string>;
  /** Those of which somebody beside the relay says so. */
  readonly couldFail: ReadonlySet<string>;
  readonly lives: Lives;
}

export interface ReportVerdict {
  /** Different ones. */
  readonly reports: number;
  /** Failed, and in no report; in two different ones; in one without having failed. */
  readonly untold: readonly string[];
  readonly toldTwice: readonly string[];
  readonly wronglyTold: readonly string[];
  /** Reports that went to somebody else than the sender of what they are about, or that are about nothing. */
  readonly misdirected: readonly string[];
  /** Reports that came again without an excuse, and those of which two copies differ. */
  readonly reportsUnexplained: readonly string[];
  readonly reportsAltered: readonly string[];
}

export function judgeReports({ sent, reports, failed, couldFail, lives }: ReportBooks): ReportVerdict {
  const senders = new Map(sent.flatMap((message) => message.recipients.map((recipient) => [recipient, message])));
  const byId = Map.groupBy(reports, ({ id }) => id);
  const told = [...byId.values()].flatMap(([first]) => [...first!.about]);
  const toldOnce = new Set(told);
  const arrived = reports.map(({ id, hash, loggedAt, epoch, wasClosed, about, to }) => ({
    from: "",
    recipient: id,
    hash: `${hash} ${about.join(" ")} ${to.join(" ")}`,
    loggedAt,
    epoch,
    wasClosed,
  }));
  const { unexplained } = judge({ acknowledged: [], unknown: [], arrived, refused: new Set(), lives });
  return {
    reports: byId.size,
    untold: [...failed].filter((recipient) => !toldOnce.has(recipient)),
    toldTwice: repeated(told),
    wronglyTold: told.filter((recipient) => !failed.has(recipient) || !couldFail.has(recipient)),
    misdirected: reports
      .filter((report) => !isDirected(report, senders))
      .map(({ id, to, about }) => `${id} to <${to.join(", ")}> about <${about.join(", ")}>`),
    reportsUnexplained: unexplained,
    reportsAltered: [...Map.groupBy(arrived, ({ recipient }) => recipient)].flatMap(([id, copies]) =>
      new Set(copies.map(({ hash }) => hash)).size > 1 ? [id] : [],
    ),
  };
}

/** About recipients of one message, and to nobody but its sender. */
function isDirected({ id, to, about }: ReportCopy, senders: ReadonlyMap<string, Sent>): boolean {
  const messages = new Set(about.map((recipient) => senders.get(recipient)));
  const [message] = messages;
  return id !== "" && messages.size === 1 && to.length === 1 && to[0] === message?.from;
}

function repeated(list: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return list.filter((item) => seen.size === seen.add(item).size);
}
