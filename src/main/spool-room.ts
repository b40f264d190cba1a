// Where sendmail keeps what the relay does not take for now.
import { type FileParts, PartlyKeptError, Reservation, leaveInSpool } from "../adapters/spool/leave.ts";
import { SPOOL } from "../core/base/limits.ts";
import { spoolFile } from "../core/submission/spooled.ts";
import type { WholeMessage } from "./send.ts";

export interface NotKept {
  readonly why: string;
  /** For whom it is kept all the same. */
  readonly kept: readonly string[];
}

/** The spool, with room in it for a message. */
export class SpoolRoom {
  readonly #message: WholeMessage;
  readonly #folder: string | undefined;
  readonly #reserved: Reservation | undefined;

  /** One recipient is taken or not: for a message of one no room is kept. Where there is none, the relay may take it all the same. */
  static async of(message: WholeMessage, folder: string | undefined): Promise<SpoolRoom> {
    if (folder === undefined || message.to.length === 1) return new SpoolRoom(message, folder, undefined);
    try {
      return new SpoolRoom(message, folder, await Reservation.make(folder, filesOf(message, message.to)));
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error; // no word of the system: a bug
      return new SpoolRoom(message, folder, undefined); // what is wrong is said if it has to be kept
    }
  }

  private constructor(message: WholeMessage, folder: string | undefined, reserved: Reservation | undefined) {
    this.#message = message;
    this.#folder = folder;
    this.#reserved = reserved;
  }

  /** For these recipients, on stable storage. Answers why it could not be. */
  async keep(recipients: ReadonlySet<string>, why: string): Promise<NotKept | undefined> {
    const cannot = `the relay does not take it for now (${why}), and it could not be kept`;
    if (this.#folder === undefined)
      return { why: `${cannot}: there is no spool (WAYPOST_SPOOL, sendmail.spool)`, kept: [] };
    const groups = groupsOf(this.#reserved === undefined ? [...recipients] : this.#message.to);
    const files = groups.map((group) => this.#fileOf(group, recipients));
    try {
      if (this.#reserved !== undefined) await this.#reserved.keep(files);
      else
        await leaveInSpool(
          this.#folder,
          files.filter((file) => file !== undefined),
        );
      return undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const places = error instanceof PartlyKeptError ? error.kept : [];
      const kept = places.flatMap((at) => groups[at]!).filter((recipient) => recipients.has(recipient));
      return { why: `${cannot} in ${this.#folder}${kept.length === 0 ? "" : " for all"}: ${text}`, kept };
    }
  }

  /** What was room for these: undefined where none of them is left. */
  #fileOf(group: readonly string[], recipients: ReadonlySet<string>): FileParts | undefined {
    const left = group.filter((recipient) => recipients.has(recipient));
    return left.length === 0 ? undefined : fileOf(this.#message, left);
  }

  async drop(): Promise<void> {
    await this.#reserved?.drop();
  }
}

function filesOf(message: WholeMessage, to: readonly string[]): FileParts[] {
  return groupsOf(to).map((group) => fileOf(message, group));
}

/** As many recipients as one file may have. */
function groupsOf(to: readonly string[]): (readonly string[])[] {
  const groups: (readonly string[])[] = [];
  for (let at = 0; at < to.length; at += SPOOL.recipientsMax) groups.push(to.slice(at, at + SPOOL.recipientsMax));
  return groups;
}

function fileOf(message: WholeMessage, to: readonly string[]): FileParts {
  const { from, notify, content, isEightBit, isUtf8, ret, envelopeId } = message;
  const recipients = to.map((forwardPath) => ({ forwardPath, notify }));
  const envelope = { reversePath: from, recipients, octets: content.length, isEightBit, needsSmtpUtf8: isUtf8 };
  return spoolFile({ ...envelope, ret, envelopeId }, content);
}
