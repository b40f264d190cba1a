import { mkdirSync } from "node:fs";
import { SqliteQueueStore } from "../../src/adapters/store-sqlite/queue-store.ts";
import { messageId } from "../../src/core/mail/message-id.ts";
import type { Arrival } from "../../src/ports/store.ts";
import type { RelayHome } from "./relay.ts";

export interface Seeded {
  readonly id: string;
  readonly recipient: string;
}

export interface SeedOptions {
  readonly count: number;
  readonly lane: string;
  readonly octets?: number;
  /** When they were received; each is a millisecond younger than the one before. */
  readonly since?: number;
  /** When they are due; an hour from now. */
  readonly due?: number;
}

const PER_COMMIT = 500;
/** The envelope sender of all. */
export const SEEDED_FROM = "seed@client.test";

/** Puts messages into the queue of a relay that does not run, as if it had taken them: quicker than SMTP would be. */
export function seedQueue(home: RelayHome, options: SeedOptions): Seeded[] {
  const { count, octets = 1000, since = Date.now() - count } = options;
  mkdirSync(home.data, { recursive: true, mode: 0o700 });
  const store = new SqliteQueueStore(home.queueFile, () => undefined);
  const seeded: Seeded[] = [];
  try {
    for (let first = 0; first < count; first += PER_COMMIT) {
      const arrivals = Array.from({ length: Math.min(PER_COMMIT, count - first) }, (_, n) => {
        const arrival = arrivalOf(first + n, since, octets, options);
        seeded.push({ id: arrival.id, recipient: arrival.deliveries[0]!.recipient });
        return { arrival, isInHand: false };
      });
      store.commit([{ arrivals, settlements: [] }]);
    }
  } finally {
    store.close();
  }
  return seeded;
}

function arrivalOf(
  n: number,
  since: number,
  octets: number,
  { lane, due = Date.now() + 3_600_000 }: SeedOptions,
): Arrival {
  const chance = new Uint8Array(5);
  new DataView(chance.buffer).setUint32(1, n);
  const id = messageId(since + n, chance);
  const recipient = `q${n}@slow.test`;
  const head = `X-Seeded: ${n}\r\nFrom: seed@client.test\r\nTo: ${recipient}\r\nSubject: seeded\r\n\r\n`;
  const content = new TextEncoder().encode(
    head +
      "x"
        .repeat(70)
        .concat("\r\n")
        .repeat(Math.ceil(octets / 72)),
  );
  const envelope = JSON.stringify({
    from: SEEDED_FROM,
    identity: "network",
    client: "127.0.0.1",
    subject: "seeded",
  });
  const delivery = { lane, recipient, options: "", priority: "normal", due, last: "" } as const;
  return { id, receivedAt: since + n, octets: content.length, envelope, content, deliveries: [delivery] };
}
