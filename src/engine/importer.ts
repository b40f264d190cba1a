import { IMPORT } from "../core/base/limits.ts";
import { messageId } from "../core/mail/message-id.ts";
import type { StoredEnvelope } from "../core/mail/stored.ts";
import type { ExportedMessage } from "../core/queue/exported.ts";
import { ExportedContent } from "../core/queue/exported-content.ts";
import { lastWord, readLastWord } from "../core/queue/reason.ts";
import type { Clock } from "../ports/clock.ts";
import { type ContentFiles, StorageError } from "../ports/content.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { QueueRecords } from "../ports/queue-records.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { ImportedArrival, ImportedDelivery } from "../ports/store.ts";
import { Incoming } from "./incoming.ts";
import { NoAnswer, type OperatorClient } from "./operator-client.ts";
import type { ImportReport, Refusal } from "./operator.ts";

/** No relay exported it like that, or not for here. */
class WrongMail extends Error {
  override readonly name = "WrongMail";
}

/** Throws `WrongMail` for content that no relay took. */
async function fill(
  incoming: Incoming,
  { id, envelope }: ExportedMessage,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const checked = new ExportedContent();
  for await (const piece of content) {
    checked.take(piece);
    await incoming.take([piece]);
  }
  const fault = checked.fault(envelope);
  if (fault !== undefined) throw new WrongMail(`message ${id}: ${fault}, and no relay took it like that`);
}

/** A message of another relay's queue, as it is read. */
export interface ExportedMail {
  readonly message: ExportedMessage;
  /** To be read to its end before the next message. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface ImporterParts {
  readonly queue: Pick<QueueRecords, "messageById" | "ownId">;
  readonly client: Pick<OperatorClient, "import">;
  readonly files: ContentFiles;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, "now">;
  readonly entropy: Entropy;
  /** The files of the store are not those at their paths: what is taken is lost with the process. */
  readonly isStoreReplaced: () => boolean;
  readonly space: () => { readonly freeOctets: number; readonly neededOctets: number };
}

interface Taken {
  readonly arrival: ImportedArrival;
  readonly incoming: Incoming;
}

/**
 * Takes what another relay had in its queue. A message gets an id of its own here, so that ids go on to order the queue, and
 * is found by the old one too. What came before by its old id is not taken again: a file may be read twice, and an import
 * that broke off goes on with the whole file.
 */
export class Importer {
  readonly #parts: ImporterParts;

  constructor(parts: ImporterParts) {
    this.#parts = parts;
  }

  /** One request, at most some `IMPORT.messagesPerStep`. Durable when it resolves. */
  async take(mails: AsyncIterable<ExportedMail>): Promise<ImportReport | Refusal> {
    if (this.#parts.isStoreReplaced())
      return {
        kind: "failed",
        refused: "the files of the queue were replaced under the relay: its log has `store.replaced`",
      };
    const { freeOctets, neededOctets } = this.#parts.space();
    if (freeOctets < neededOctets)
      return { kind: "failed", refused: "there is too little room on the disk of the data folder to take mail" };
    try {
      return await this.#steps(mails);
    } catch (error) {
      if (error instanceof WrongMail) return { kind: "wrong", refused: error.message };
      if (!(error instanceof StorageError)) throw error;
      return { kind: "failed", refused: `${error.message}; import the file again: what is here is not taken twice` };
    }
  }

  async #steps(mails: AsyncIterable<ExportedMail>): Promise<ImportReport> {
    let report: ImportReport = { messages: 0, deliveries: 0, known: 0 };
    for await (const step of this.#received(mails)) report = await this.#commit(step, report);
    return report;
  }

  /**
   * Messages with their contents on stable storage, as many as go together. Where one is refused, or they break off, the
   * others of its step are discarded.
   */
  async *#received(mails: AsyncIterable<ExportedMail>): AsyncGenerator<readonly Taken[], void, void> {
    let step: Taken[] = [];
    let [octets, deliveries] = [0, 0];
    const whole = (): readonly Taken[] => {
      const taken = step;
      [step, octets, deliveries] = [[], 0, 0];
      return taken;
    };
    try {
      for await (const mail of mails) {
        const more = mail.message.deliveries.length;
        if (deliveries > 0 && deliveries + more > IMPORT.deliveriesPerStep) yield whole();
        if (step.length === 0 && this.#isHere(mail.message))
          throw new WrongMail("this mail is in the queue of this relay already: the file was exported here");
        const taken = await this.#receive(mail);
        step.push(taken);
        octets += taken.arrival.content?.length ?? 0;
        deliveries += more;
        if (step.length === IMPORT.messagesPerStep || octets >= IMPORT.octetsPerStep) yield whole();
      }
    } catch (error) {
      for (const { incoming } of step) incoming.discard();
      throw error;
    }
    if (step.length > 0) yield step;
  }

  #isHere({ id }: ExportedMessage): boolean {
    const { queue } = this.#parts;
    return queue.ownId(id) === id && queue.messageById(id) !== undefined;
  }

  async #receive({ message, content }: ExportedMail): Promise<Taken> {
    const { clock, entropy, files } = this.#parts;
    const now = clock.now();
    const id = messageId(now, entropy.octets(5));
    const incoming = new Incoming(id, message.receivedAt, files);
    try {
      await fill(incoming, message, content);
    } catch (error) {
      incoming.discard();
      throw error;
    }
    const { octets, id: was } = message;
    const receivedAt = Math.min(message.receivedAt, now); // the clock there was ahead: it expires all the same
    const envelope: StoredEnvelope = { ...(JSON.parse(message.envelope) as StoredEnvelope), wasId: was };
    const deliveries = message.deliveries.map((delivery): ImportedDelivery => {
      const text = readLastWord(delivery.last)?.text ?? "";
      return { ...delivery, last: lastWord(delivery.isHeld ? "held" : "imported", text, now) };
    });
    const stored = JSON.stringify(envelope);
    return {
      incoming,
      arrival: { id, was, receivedAt, octets, envelope: stored, content: await incoming.finish(), deliveries },
    };
  }

  async #commit(step: readonly Taken[], report: ImportReport): Promise<ImportReport> {
    const isNew = await this.#import(step);
    let { messages, deliveries, known } = report;
    for (const [n, { arrival, incoming }] of step.entries()) {
      if (isNew[n] !== true) {
        incoming.discard();
        known++;
        continue;
      }
      messages++;
      deliveries += arrival.deliveries.length;
      const { id, was, octets } = arrival;
      this.#parts.recorder.record({
        event: "message.imported",
        id,
        was,
        from: (JSON.parse(arrival.envelope) as StoredEnvelope).from,
        recipients: arrival.deliveries.length,
        octets,
      });
    }
    return { messages, deliveries, known };
  }

  async #import(step: readonly Taken[]): Promise<readonly boolean[]> {
    try {
      return await this.#parts.client.import(step.map(({ arrival }) => arrival));
    } catch (error) {
      // What may be committed keeps its content; a start puts aside what no message has.
      if (error instanceof StorageError && !(error instanceof NoAnswer))
        for (const { incoming } of step) incoming.discard();
      throw error;
    }
  }
}
