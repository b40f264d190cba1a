import { type Socket as UdpSocket, createSocket } from "node:dgram";
import { once } from "node:events";
import * as net from "node:net";
import { type Answer, type Packet, RECURSION_AVAILABLE, TRUNCATED_RESPONSE, decode, encode } from "dns-packet";

type Asked = { readonly name: string; readonly type: string };

/** What the server does with a question: answers with records, with a code, not at all, or with these octets. */
export type Behaviour =
  | { readonly records: readonly Answer[]; readonly soa?: number }
  | { readonly code: "SERVFAIL" | "NXDOMAIN" | "REFUSED" | "FORMERR"; readonly soa?: number }
  | { readonly silence: true }
  /** The datagram is truncated and empty; over TCP there are records. */
  | { readonly overTcp: readonly Answer[] }
  /** The datagram is truncated, and over TCP the connection is closed. */
  | { readonly closesTcp: true }
  | { readonly octets: (query: Packet) => readonly Uint8Array[] };

const CODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

/** A scripted DNS server on loopback, over UDP and TCP on one port. */
export class DnsServerScript {
  /** `TYPE name` for each question, in order. */
  readonly asked: string[] = [];
  readonly #udp: UdpSocket;
  readonly #tcp: net.Server;
  readonly #zone = new Map<string, Behaviour>();
  otherwise: Behaviour = { code: "NXDOMAIN", soa: 60 };

  static async start(): Promise<DnsServerScript> {
    for (;;) {
      const script = new DnsServerScript();
      script.#tcp.listen(0, "127.0.0.1");
      await once(script.#tcp, "listening");
      script.#udp.bind(script.port, "127.0.0.1");
      const isBound = await new Promise<boolean>((resolve) => {
        script.#udp.once("listening", () => resolve(true));
        script.#udp.once("error", () => resolve(false)); // somebody has the port for UDP
      });
      if (isBound) return script;
      script.close();
    }
  }

  private constructor() {
    this.#udp = createSocket("udp4");
    this.#udp.on("message", (octets, peer) => {
      for (const answer of this.#answers(octets, false)) this.#udp.send(answer, peer.port, peer.address);
    });
    this.#tcp = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (octets: Buffer) => {
        const answers = this.#answers(octets.subarray(2), true);
        if (answers.length === 0) socket.end();
        for (const answer of answers) {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          socket.write(Buffer.concat([length, answer]));
        }
      });
    });
  }

  get port(): number {
    return (this.#tcp.address() as net.AddressInfo).port;
  }

  get server(): { readonly address: string; readonly port: number } {
    return { address: "127.0.0.1", port: this.port };
  }

  on(type: string, name: string, behaviour: Behaviour): this {
    this.#zone.set(`${type} ${name}`, behaviour);
    return this;
  }

  mx(domain: string, ...records: readonly [preference: number, exchange: string][]): this {
    return this.on("MX", domain, {
      records: records.map(([preference, exchange]) => ({
        type: "MX",
        name: domain,
        ttl: 60,
        data: { preference, exchange },
      })),
    });
  }

  a(host: string, ...addresses: readonly string[]): this {
    return this.on("A", host, {
      records: addresses.map((data) => ({ type: "A", name: host, ttl: 60, data })),
    });
  }

  aaaa(host: string, ...addresses: readonly string[]): this {
    return this.on("AAAA", host, {
      records: addresses.map((data) => ({ type: "AAAA", name: host, ttl: 60, data })),
    });
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
  }

  #answers(octets: Buffer, isTcp: boolean): readonly Uint8Array[] {
    const query = decode(octets);
    const [question] = query.questions!;
    const { type, name } = question as Asked;
    this.asked.push(`${type} ${name}`);
    const behaviour =
      this.#zone.get(`${type} ${name}`) ??
      // A name that has other records exists.
      ([...this.#zone.keys()].some((key) => key.endsWith(` ${name}`)) ? { records: [], soa: 60 } : this.otherwise);
    if ("silence" in behaviour || ("closesTcp" in behaviour && isTcp)) return [];
    if ("octets" in behaviour) return behaviour.octets(query);
    const isCut = ("overTcp" in behaviour || "closesTcp" in behaviour) && !isTcp;
    const answers =
      "records" in behaviour ? behaviour.records : "overTcp" in behaviour && isTcp ? behaviour.overTcp : [];
    const code = "code" in behaviour ? CODES[behaviour.code] : CODES.NOERROR;
    return [
      encode({
        type: "response",
        id: query.id,
        flags: RECURSION_AVAILABLE | (isCut ? TRUNCATED_RESPONSE : 0) | code,
        questions: query.questions!,
        answers: [...answers],
        authorities: "soa" in behaviour ? [soa(behaviour.soa)] : [],
      }),
    ];
  }
}

function soa(minimum: number): Answer {
  return {
    type: "SOA",
    name: "example",
    ttl: 3600,
    data: { mname: "ns.example", rname: "x.example", serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
  };
}
