import { AccountingSink, type Faults, NO_FAULTS, type SinkOptions } from "../support/accounting-sink.ts";
import type { Chance } from "../support/chance.ts";
import { DnsServerScript } from "../support/dns-server.ts";

// Where the relay of the kill rounds sends to, and which recipients have to fail there.

export interface NextHops {
  /** Keys of the relay's configuration that lead there. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What is tried for so long may fail. */
  readonly expireMs: number;
  /** Domain of a recipient. */
  domain(chance: Chance): string;
  /** The DNS says that there is nobody who takes its mail. */
  isNowhere(domain: string): boolean;
  /** The DNS was asked for it, and had no answer. */
  hadNoAnswer(domain: string): boolean;
  /** All of them end as if they were killed, and are well again at once. */
  die(): void;
  /** From here on everything is put off, until `recover`. */
  refuse(): void;
  recover(): void;
  /** From here on whoever takes mail at all takes it without a fault. */
  calm(): void;
  close(): Promise<void>;
}

type Common = Omit<SinkOptions, "faults" | "port" | "address">;

const FAULTS: Faults = { tempfail: 0.05, permfail: 0.02, closeAfterDot: 0.01 };

/** Half of a share is for recipients: all of them. */
const NEVER_NOW: Faults = { tempfail: 2, permfail: 0, closeAfterDot: 0 };

/** One smart host for all. */
export async function smartHost(common: Common): Promise<NextHops> {
  const sink = await AccountingSink.start({ ...common, faults: FAULTS });
  return {
    config: {
      smarthosts: { sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
      routes: [{ deliver: "sink" }],
    },
    expireMs: Number.POSITIVE_INFINITY, // its five days are longer than any run
    domain: () => "dest.test",
    isNowhere: () => false,
    hadNoAnswer: () => false,
    die: () => sink.die(),
    refuse: () => (sink.faults = NEVER_NOW),
    recover: () => (sink.faults = FAULTS),
    calm: () => (sink.faults = NO_FAULTS),
    close: () => sink.close(),
  };
}

const EXPIRE_S = 15;
const DOMAINS = 36;
/** Refuse connections: nobody listens there. */
const AWAY = ["127.0.0.12", "127.0.0.13"] as const;
/** Share of the recipients in each of the domains that take none of their mail. */
const TROUBLE_SHARE = 0.01;

/**
 * Servers of three dozen domains, in sets of one or two, some of them away; and a domain without mail, one that does not
 * exist, one that puts everything off and one that the DNS has no answer for.
 */
export async function exchangers(common: Common): Promise<NextHops> {
  const first = await AccountingSink.start({ ...common, faults: FAULTS, address: "127.0.0.2" });
  const at = (address: string, faults: Faults): Promise<AccountingSink> =>
    AccountingSink.start({ ...common, faults, address, port: first.port });
  const busy = [first, await at("127.0.0.3", FAULTS), await at("127.0.0.4", FAULTS)];
  const late = await at("127.0.0.5", NEVER_NOW);
  // Senders' own servers: reports have to arrive, also within their short life.
  const senders = [await at("127.0.0.6", NO_FAULTS), await at("127.0.0.7", NO_FAULTS)];
  const sinks = [...busy, late, ...senders];
  const dns = await DnsServerScript.start();
  for (const n of [2, 3, 4, 5, 6, 7, 12, 13]) dns.a(`host${n}.test`, `127.0.0.${n}`);
  for (let n = 0; n < DOMAINS; n++) {
    // Sets that several domains share, each a site of its own; a third of them begins with one that is away.
    const [one, other] = [2 + (n % 3), 2 + ((n + 1) % 3)];
    const preferred = n % 6 < 2 ? 12 + (n % AWAY.length) : other;
    if (n % 4 === 0) dns.mx(`d${n}.test`, [10, `host${one}.test`]);
    else dns.mx(`d${n}.test`, [10, `host${preferred}.test`], [20, `host${one}.test`]);
  }
  dns.mx("null.test", [0, "."]);
  dns.mx("late.test", [10, "host5.test"]);
  dns.on("MX", "broken.test", { code: "SERVFAIL" });
  dns.mx("example.test", [10, "host12.test"], [20, "host6.test"], [30, "host7.test"]);
  const trouble = ["null.test", "nowhere.test", "late.test", "broken.test"];
  return {
    config: {
      dns: { servers: [`127.0.0.1:${dns.port}`] },
      delivery: { port: first.port, private_networks: ["127.0.0.0/8"] },
      routes: [{ deliver: "mx" }],
      retry: { schedule: ["1s", "2s"], expire: `${EXPIRE_S}s` },
    },
    expireMs: EXPIRE_S * 1000,
    domain: (chance) => trouble[Math.floor(chance() / TROUBLE_SHARE)] ?? `d${Math.floor(chance() * DOMAINS)}.test`,
    isNowhere: (domain) => domain === "null.test" || domain === "nowhere.test",
    hadNoAnswer: (domain) => domain === "broken.test" && dns.asked.includes(`MX ${domain}`),
    die: () => {
      for (const sink of sinks) sink.die();
    },
    refuse: () => {
      for (const sink of busy) sink.faults = NEVER_NOW;
    },
    recover: () => {
      for (const sink of busy) sink.faults = FAULTS;
    },
    calm: () => {
      for (const sink of busy) sink.faults = NO_FAULTS;
    },
    close: async () => {
      dns.close();
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}
