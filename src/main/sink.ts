import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { acceptSocket } from "../adapters/net/socket.ts";
import { FolderOfContents } from "../adapters/content-files/content-files.ts";
import { SystemClock } from "../adapters/system/clock.ts";
import { SystemEntropy } from "../adapters/system/entropy.ts";
import { octetText } from "../core/base/bytes.ts";
import { INBOUND, KiB } from "../core/base/limits.ts";
import { ANY_SENDER } from "../core/policy/address-pattern.ts";
import type { Identity } from "../core/policy/identity.ts";
import { pathText } from "../core/mail/path.ts";
import type { Acceptance, Received } from "../engine/acceptance.ts";
import { LongWork } from "../engine/long-work.ts";
import { Reception, type ReceptionParts } from "../engine/reception.ts";

/** One message as the sink keeps it. */
export interface SunkMessage {
  readonly id: string;
  /** The id that the relay gave it; a message may come more than once. */
  readonly relayId: string | undefined;
  readonly at: number;
  readonly from: string;
  readonly to: readonly string[];
  readonly octets: number;
}

const KEPT = 100;

/** The messages that the sink keeps: a header file and a content file each, in a folder. */
export class SinkFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where there is no folder, there is no sink. */
  make(): void {
    fs.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Without what is being written or removed just now. */
  list(): SunkMessage[] {
    const names = fs.readdirSync(this.#folder).filter((name) => name.endsWith(".json"));
    return names.toSorted().flatMap((name) => messageIn(path.join(this.#folder, name)) ?? []);
  }

  /** The message as it came, octet for octet; the last one that came where the relay's id is given. */
  read(id: string): Buffer | undefined {
    const found = this.list().findLast((message) => message.id === id || message.relayId === id);
    return found === undefined ? undefined : readIfThere(path.join(this.#folder, `${found.id}.eml`));
  }

  keep(message: SunkMessage, content: Uint8Array): void {
    fs.writeFileSync(path.join(this.#folder, `${message.id}.eml`), content, { mode: 0o600 });
    fs.writeFileSync(path.join(this.#folder, `${message.id}.json`), JSON.stringify(message), { mode: 0o600 });
    const names = fs
      .readdirSync(this.#folder)
      .filter((name) => name.endsWith(".json"))
      .toSorted();
    for (const name of names.slice(0, Math.max(0, names.length - KEPT))) {
      fs.rmSync(path.join(this.#folder, name), { force: true });
      fs.rmSync(path.join(this.#folder, name.replace(/json$/, "eml")), { force: true });
    }
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Undefined where the file is gone, or not whole. */
function messageIn(file: string): SunkMessage | undefined {
  const text = readIfThere(file)?.toString();
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as SunkMessage;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export interface Sink {
  readonly port: number;
  close(): void;
}

/** An SMTP server on this machine that takes everything and keeps the last messages; it relays nothing. */
export async function startSink(
  folder: string,
  onMessage: (message: SunkMessage, content: Uint8Array) => void,
): Promise<Sink> {
  const kept = new SinkFolder(path.join(folder, "sink"));
  kept.make();
  const files = new FolderOfContents(path.join(folder, "sink-uploads"));
  files.clear();
  const accept = async (received: Received): Promise<Acceptance> => {
    const content = received.content ?? (await readAll(files, received.id));
    const { id, receivedAt, transaction, facts } = received;
    const message: SunkMessage = {
      id,
      relayId: relayIdOf(content),
      at: receivedAt,
      from: pathText(transaction.envelope.reversePath),
      to: transaction.recipients.map((recipient) => pathText(recipient.path)),
      octets: facts.octets,
    };
    kept.keep(message, content);
    files.remove(id);
    onMessage(message, content);
    return { kind: "accepted" };
  };
  const clock = new SystemClock();
  const parts: ReceptionParts = {
    clock,
    longWork: new LongWork(clock),
    entropy: new SystemEntropy(),
    recorder: { record: () => undefined }, // the relay's log tells of every delivery already
    strangers: { tell: () => undefined },
    files,
    acceptor: { accept },
    credentials: { verify: () => Promise.resolve("wrong") },
    sendersOf: () => [],
    postmaster: () => undefined,
    routes: () => [
      {
        recipient: undefined,
        sender: undefined,
        priority: "normal",
        steps: [{ kind: "smarthost", name: "sink" }],
        egress: undefined,
      },
    ],
    permitsLiterals: () => true,
    obstacle: () => undefined,
    isUnderStress: () => false,
  };
  const rules = {
    name: "sink",
    hostname: "sink.localhost",
    tls: "none",
    isTlsRequired: false,
    bareNewlines: "reject",
    messageOctetsMax: 2 * INBOUND.messageOctetsMax, // a relayed message is longer by its trace
    recipientsMax: INBOUND.recipientsMax,
    messagesPerConnectionMax: Number.POSITIVE_INFINITY,
    hasCredentials: false,
  } as const;
  const identity: Identity = { kind: "network", network: "127.0.0.0/8", senders: ANY_SENDER };
  const server = net.createServer({ noDelay: true }, (raw) => {
    const reception = new Reception(parts, rules, raw.remoteAddress ?? "", identity, () => undefined);
    reception.start(acceptSocket(raw, reception, undefined), undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  });
  return { port: (server.address() as net.AddressInfo).port, close: () => void server.close() };
}

const TRACE_OCTETS_MAX = 4 * KiB;

/** What the relay's own trace field, the first of all fields, says. */
export function relayIdOf(content: Uint8Array): string | undefined {
  const first = octetText(content.subarray(0, TRACE_OCTETS_MAX)).split(/\r\n(?![ \t])/, 1)[0]!;
  return /^Received:.*\sid ([0-9A-Za-z]{14})(?=[\s;])/s.exec(first)?.[1];
}

async function readAll(files: FolderOfContents, id: string): Promise<Uint8Array> {
  const reader = files.open(id);
  const pieces: Uint8Array[] = [];
  for (let piece = await reader.read(); piece !== undefined; piece = await reader.read()) pieces.push(piece);
  reader.close();
  return Buffer.concat(pieces);
}
