// What is measured: each case is one load, the same for every relay.

export interface Case {
  readonly name: string;
  readonly about: string;
  /** STARTTLS and a login in each session; without, the client's network is its identity. */
  readonly login: boolean;
  /** Whether a session brings one message, or as many as there are. */
  readonly connections: "reused" | "new";
  readonly octets: number;
  /** Of each message, in one domain. */
  readonly recipients: number;
  /** How many domains take turns, each with a server of its own; 0 is: all goes to one smart host. */
  readonly domains: number;
  /** In one round, where the command says nothing else. */
  readonly messages: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

const PLAIN: Case = {
  name: "plain",
  about: "20 sessions, 4 KiB, no TLS",
  login: false,
  connections: "reused",
  octets: 4 * KiB,
  recipients: 1,
  domains: 0,
  messages: 20_000,
};

/** By their names; the first is the one that ratios are promised for. */
export const CASES: readonly Case[] = [
  PLAIN,
  { ...PLAIN, name: "connect", about: "a connection for each message", connections: "new", messages: 10_000 },
  { ...PLAIN, name: "login", about: "STARTTLS and a login for each session", login: true, messages: 10_000 },
  {
    ...PLAIN,
    name: "login-connect",
    about: "STARTTLS and a login for each message",
    login: true,
    connections: "new",
    messages: 3000,
  },
  { ...PLAIN, name: "1-KiB", about: "1 KiB", octets: KiB },
  { ...PLAIN, name: "100-KiB", about: "100 KiB", octets: 100 * KiB, messages: 3000 },
  { ...PLAIN, name: "5-MiB", about: "5 MiB", octets: 5 * MiB, messages: 100 },
  { ...PLAIN, name: "10-recipients", about: "10 recipients", recipients: 10, messages: 5000 },
  { ...PLAIN, name: "100-recipients", about: "100 recipients", recipients: 100, messages: 1000 },
  { ...PLAIN, name: "1-domain", about: "by MX, to one domain", domains: 1, messages: 10_000 },
  { ...PLAIN, name: "100-domains", about: "by MX, to 100 domains in turn", domains: 100, messages: 10_000 },
  { ...PLAIN, name: "10000-domains", about: "by MX, to 10,000 domains in turn", domains: 10_000, messages: 20_000 },
];
