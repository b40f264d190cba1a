import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type Answer, RECURSION_AVAILABLE, decode, encode } from "dns-packet";
import { domainName } from "./contender.ts";

// The DNS of the domains: each has a server of its own, at an address of its own, where the sink is.

/** For who can ask port 53 only. */
export const DNS_ADDRESS = "127.0.0.153";
const TTL_S = 3600;

export class Domains {
  readonly #sockets = [createSocket("udp4"), createSocket("udp4")] as const;

  /** Answers at a port of 127.0.0.1, and, where `alsoAt53`, at `DNS_ADDRESS`. */
  static async start(alsoAt53: boolean): Promise<Domains> {
    const domains = new Domains();
    const [any, at53] = domains.#sockets;
    any.bind(0, "127.0.0.1");
    await once(any, "listening");
    if (!alsoAt53) return domains;
    at53.bind(53, DNS_ADDRESS);
    await once(at53, "listening");
    return domains;
  }

  private constructor() {
    for (const socket of this.#sockets) {
      socket.on("message", (octets, { port, address }) => {
        socket.send(answerTo(octets), port, address);
      });
    }
  }

  get port(): number {
    return this.#sockets[0].address().port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}

function answerTo(octets: Buffer): Uint8Array {
  const { id = 0, questions = [] } = decode(octets);
  const { name, type } = questions[0]!;
  return encode({ type: "response", id, flags: RECURSION_AVAILABLE, questions, answers: recordsOf(name, type) });
}

function recordsOf(name: string, type: string): Answer[] {
  const host = /^mx\.d(\d+)\.example$/i.exec(name);
  if (type === "A" && host !== null) return [{ type, name, ttl: TTL_S, data: addressOf(Number(host[1])) }];
  const domain = /^d(\d+)\.example$/i.exec(name);
  if (type !== "MX" || domain === null) return [];
  return [{ type, name, ttl: TTL_S, data: { preference: 10, exchange: `mx.${domainName(Number(domain[1]))}` } }];
}

/** From 127.2.0.1 on. */
function addressOf(n: number): string {
  return `127.${2 + Math.floor(n / 62_500)}.${Math.floor(n / 250) % 250}.${(n % 250) + 1}`;
}
