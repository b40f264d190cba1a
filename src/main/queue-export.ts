// The queue of a data folder as one file, which another relay takes up: to leave a machine.
import { createHash, type Hash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { contentFile } from "../adapters/content-files/content-files.ts";
import { headLine, readMessage } from "../adapters/queue-file/lines.ts";
import { syncFolderNow } from "../adapters/durable.ts";
import { type ExportableMessage, QueueExport } from "../adapters/store-sqlite/queue-export.ts";
import { KiB } from "../core/base/limits.ts";
import { ExportedContent } from "../core/queue/exported-content.ts";
import type { ExportEnd, ExportedMessage } from "../core/queue/exported.ts";
import { dataPaths } from "./plan.ts";

export interface ExportReport {
  readonly file: string;
  readonly messages: number;
  readonly deliveries: number;
  readonly octets: number;
  /** Messages that could not be read, or that no relay would take, and why; they are not in the file. */
  readonly unreadable: readonly { readonly id: string; readonly why: string }[];
}

export interface ExportOptions {
  readonly data: string;
  readonly file: string;
  readonly hostname: string;
  readonly reached: (messages: number, total: number) => void;
}

const PIECE_OCTETS = 256 * KiB;

/**
 * The queue of a relay that takes and delivers nothing, and whose threads have nothing on the way to the store: a pause of new
 * mail is answered then. Whole and on stable storage when it resolves. Where it rejects, nothing is left.
 */
export async function exportQueue(options: ExportOptions): Promise<ExportReport> {
  const { data, file, hostname } = options;
  const paths = dataPaths(data);
  const unfinished = `${file}.unfinished-${process.pid}`;
  const queue = new QueueExport(paths.queue);
  try {
    const out = new ExportFile(unfinished, paths.content, headLine({ hostname, exportedAt: Date.now() }));
    try {
      const unreadable = addAll(queue, out, options);
      const octets = out.finish();
      if (fs.existsSync(file)) throw new Error(`${file} is there already`);
      fs.renameSync(unfinished, file);
      syncFolderNow(path.dirname(file));
      return { file, messages: out.messages, deliveries: out.deliveries, octets, unreadable };
    } finally {
      out.close();
    }
  } finally {
    queue.close();
    fs.rmSync(unfinished, { force: true });
  }
}

function addAll(queue: QueueExport, out: ExportFile, { reached }: ExportOptions): ExportReport["unreadable"] {
  const unreadable: { id: string; why: string }[] = [];
  const total = queue.total();
  let looked = 0;
  for (let isLast = false; !isLast;) {
    const step = queue.step();
    ({ isLast } = step);
    looked += step.looked;
    for (const message of step.messages) {
      const why = out.add(message);
      if (why !== undefined && queue.isQueued(message.row)) unreadable.push({ id: message.id, why });
    }
    reached(out.messages, total);
  }
  // What ended meanwhile makes it fewer, and nothing may make it more.
  const left = queue.total() - looked;
  if (left > 0) throw new Error(`${left} of ${left + looked} messages came while it was written; export it again`);
  return unreadable;
}

/** The file as it is written. */
class ExportFile {
  readonly #descriptor: number;
  readonly #contents: string;
  #hash: Hash = createHash("sha256");
  #octets = 0;
  messages = 0;
  deliveries = 0;

  constructor(file: string, contents: string, head: string) {
    this.#contents = contents;
    this.#descriptor = fs.openSync(file, "wx", 0o600);
    this.#write(new TextEncoder().encode(`${head}\n`));
  }

  /** Answers why not, where it cannot be read: a disk that dies takes as little with it as may be. */
  add({ row: _row, content, ...message }: ExportableMessage): string | undefined {
    const line = JSON.stringify(message);
    const found = readMessage(line);
    if ("wrong" in found) return found.wrong; // one that no import takes must not keep the others from it
    const [hash, octets] = [this.#hash.copy(), this.#octets];
    this.#write(new TextEncoder().encode(`${line}\n`));
    const checked = new ExportedContent();
    const why = this.#content(content, message, checked) ?? checked.fault(message.envelope);
    if (why !== undefined) {
      fs.ftruncateSync(this.#descriptor, octets);
      [this.#hash, this.#octets] = [hash, octets];
      return why;
    }
    this.#write(new TextEncoder().encode("\n"));
    this.messages++;
    this.deliveries += message.deliveries.length;
    return undefined;
  }

  /** On stable storage. Answers its octets. */
  finish(): number {
    const { messages, deliveries } = this;
    const end: ExportEnd = { messages, deliveries, sha256: this.#hash.copy().digest("hex") };
    this.#write(new TextEncoder().encode(`${JSON.stringify(end)}\n`));
    fs.fsyncSync(this.#descriptor);
    return this.#octets;
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }

  #content(
    content: Uint8Array | undefined,
    { id, octets }: ExportedMessage,
    checked: ExportedContent,
  ): string | undefined {
    if (content === undefined) return this.#copy(id, octets, checked);
    checked.take(content);
    return this.#write(content);
  }

  #copy(id: string, octets: number, checked: ExportedContent): string | undefined {
    const source = openToRead(contentFile(this.#contents, id));
    if (typeof source === "string") return source;
    try {
      const piece = new Uint8Array(PIECE_OCTETS);
      let copied = 0;
      for (;;) {
        const read = readPiece(source, piece);
        if (typeof read === "string") return read;
        if (read === 0) break;
        checked.take(piece.subarray(0, read));
        this.#write(piece.subarray(0, read));
        copied += read;
      }
      return copied === octets ? undefined : `its content has ${copied} octets and not ${octets}`;
    } finally {
      fs.closeSync(source);
    }
  }

  #write(octets: Uint8Array): undefined {
    for (let at = 0; at < octets.length;)
      at += fs.writeSync(this.#descriptor, octets, at, octets.length - at, this.#octets + at);
    this.#hash.update(octets);
    this.#octets += octets.length;
  }
}

function openToRead(file: string): number | string {
  try {
    return fs.openSync(file, "r");
  } catch (error) {
    return (error as Error).message;
  }
}

function readPiece(descriptor: number, piece: Uint8Array): number | string {
  try {
    return fs.readSync(descriptor, piece);
  } catch (error) {
    return (error as Error).message;
  }
}
