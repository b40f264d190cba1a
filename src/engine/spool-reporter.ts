import { INBOUND } from "../core/base/limits.ts";
import { SILENCE } from "../core/dsn/notice.ts";
import type { Recipient } from "../core/mail/envelope.ts";
import { HeaderExaminer } from "../core/mail/header.ts";
import { messageId } from "../core/mail/message-id.ts";
import { pathText } from "../core/mail/path.ts";
import { type StoredEnvelope, storeOptions } from "../core/mail/stored.ts";
import { type Identity, identityText } from "../core/policy/identity.ts";
import { type SpoolHead, headOfRest, reportMark } from "../core/submission/spooled.ts";
import type { Clock } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { QueuePort } from "../ports/queue.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Spool, SpooledFile } from "../ports/spool.ts";
import type { Arrival } from "../ports/store.ts";
import type { MessageInHand } from "./load.ts";
import type { Fared, Notifier } from "./notifier.ts";

/** A recipient that reception refused for good. */
export interface Refused {
  readonly recipient: Recipient;
  readonly reply: string;
}

export interface SpoolReporterParts {
  readonly spool: Spool;
  readonly queue: Pick<QueuePort, "settleWithReports">;
  readonly recorder: Recorder;
  readonly notifier: Pick<Notifier, "notice" | "parts" | "report">;
  readonly reception: { readonly clock: Clock; readonly entropy: Entropy };
}

/** A file of which something was refused. */
export interface RefusedFile {
  readonly name: string;
  readonly file: SpooledFile;
  /** The user whose mail it is. */
  readonly uid: number;
  readonly head: SpoolHead;
  readonly identity: Identity;
  /** The content, or as much of it as stays in memory. */
  readonly start: Uint8Array;
  readonly refused: readonly Refused[];
  /** Its user may not write as that sender, who has nothing to do with it. */
  readonly isSenderRefused: boolean;
}

/**
 * The program that left the message is gone, and was told that it is kept: so its sender hears of a refusal as of one by a
 * next hop. Where nobody can be told the file is kept for an operator. Never silent.
 */
export class SpoolReporter {
  readonly #parts: SpoolReporterParts;

  constructor(parts: SpoolReporterParts) {
    this.#parts = parts;
  }

  /** True where the file has no use any more; false where it is kept elsewhere. */
  async tell(file: RefusedFile): Promise<boolean> {
    const message = this.#message(file);
    const silences = new Set<string>(file.isSenderRefused ? ["nobody told: its sender was refused"] : []);
    const unheard = new Set<Recipient>(file.isSenderRefused ? file.head.recipients : []);
    const told: FaredRefused[] = [];
    for (const one of file.isSenderRefused ? [] : file.refused.map(faredOf)) {
      const notice = this.#parts.notifier.notice(message, "failed", { ...one, isPassedOn: false });
      if (notice === "report") told.push(one);
      else silences.add(SILENCE[notice]);
      if (notice !== "report" && notice !== "not-asked") unheard.add(one.of);
    }
    const notes: string[] = [];
    const reports: Arrival[] = [];
    for (const part of this.#parts.notifier.parts(message, "failed", told)) {
      const { note, report } = await this.#parts.notifier.report(message, "failed", part);
      notes.push(note);
      if (report !== undefined) reports.push({ ...report, spooled: reportMark(file.name, reports.length) });
      else {
        silences.add(note);
        for (const { of } of part) unheard.add(of);
      }
    }
    await this.#parts.queue.settleWithReports([], reports);
    const kept = unheard.size === 0 ? undefined : await this.#keep(file, unheard);
    this.#record(file, message, [...notes, ...silences], kept);
    return unheard.size < file.head.recipients.length;
  }

  /** For those alone of whom nobody heard: put back, it goes to nobody twice. */
  #keep({ name, file, uid, head }: RefusedFile, unheard: ReadonlySet<Recipient>): Promise<string> {
    if (unheard.size === head.recipients.length) return this.#parts.spool.bury(name);
    const { contentAt, octets } = head;
    return this.#parts.spool.buryPart(name, file, { head: headOfRest(head, unheard, uid), contentAt, octets });
  }

  #record(
    { refused }: RefusedFile,
    { envelope }: MessageInHand,
    notes: readonly string[],
    kept: string | undefined,
  ): void {
    this.#parts.recorder.record({
      event: "spool.refused",
      identity: envelope.identity,
      from: envelope.from,
      recipients: refused.length,
      reply: refused[0]!.reply,
      dsn: [...new Set(notes)].join("; "),
      file: kept,
    });
  }

  /** As it would be in hand, had it been taken. */
  #message({ head, identity, start }: RefusedFile): MessageInHand {
    const { clock, entropy } = this.#parts.reception;
    const examiner = new HeaderExaminer();
    examiner.examine(start);
    const { envelope, octets } = head;
    const isWhole = start.length === octets && octets <= INBOUND.contentInMemoryMax;
    const ret = isWhole ? envelope.ret : envelope.ret && "hdrs";
    const stored: StoredEnvelope = {
      from: pathText(envelope.reversePath),
      identity: identityText(identity),
      client: "",
      prefix: "",
      isEightBit: envelope.body === "8bitmime",
      isUtf8: envelope.smtpUtf8,
      subject: examiner.finish().subject,
      ...(ret === undefined ? {} : { ret }),
      ...(envelope.envelopeId === undefined ? {} : { envelopeId: envelope.envelopeId }),
    };
    const now = clock.now();
    return {
      id: messageId(now, entropy.octets(5)),
      receivedAt: now,
      octets,
      envelope: stored,
      content: start,
      claimedFrom: undefined,
      left: 0,
    };
  }
}

const STATUS = /^[0-9]{3} ([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)/;

interface FaredRefused extends Fared {
  readonly of: Recipient;
}

function faredOf({ recipient, reply }: Refused): FaredRefused {
  const { path, notify, originalRecipient } = recipient;
  const options = storeOptions({
    ...(notify === undefined ? {} : { notify }),
    ...(originalRecipient === undefined ? {} : { originalRecipient }),
  });
  return {
    of: recipient,
    delivery: {
      row: 0,
      recipient: pathText(path),
      options,
      priority: "normal",
      attempts: 0,
      isTold: false,
      wish: "none",
    },
    status: STATUS.exec(reply)?.[1] ?? "5.0.0",
    remoteHost: "",
    diagnostic: reply,
  };
}
