import { isIP } from "node:net";
import { DNS } from "../../core/base/limits.ts";
import { RecentMap } from "../../core/base/recent-map.ts";
import type { Duration } from "../../core/base/time.ts";
import type { MxRecord } from "../../core/routing/exchangers.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Entropy } from "../../ports/entropy.ts";
import type { Answer, Resolver } from "../../ports/resolver.ts";
import { type DnsServer, askByTcp, askByUdp, serverText } from "./ask.ts";
import { type Question, type Response, decodeResponse, encodeQuery, plainName } from "./message.ts";
import { TOO_MANY, Turns } from "./turns.ts";

/** Records as they came; what they are is the caller's to check. */
type Found = Answer<unknown>;

interface Remembered {
  readonly found: Found;
  /** By the monotonic clock. */
  readonly until: number;
}

/** What a response says, or where to ask next. */
type Reading =
  | { readonly kind: "answer"; readonly found: Found; readonly ttl: Duration }
  | { readonly kind: "alias"; readonly target: string; readonly ttl: Duration }
  /** It is no answer; `text` says why. */
  | { readonly kind: "trouble"; readonly text: string };

interface Resolved {
  readonly found: Found;
  readonly ttl: Duration;
}

export interface DnsResolverParts {
  /** Asked in this order, the next one where one fails; at least one. */
  readonly servers: readonly DnsServer[];
  readonly clock: Pick<Clock, "monotonic" | "after" | "soon">;
  readonly entropy: Entropy;
}

/**
 * A stub resolver of our own: it asks recursive servers, remembers answers for as long as they say, and has a bound for
 * everything (promise P7). Node's own would give neither lifetimes nor a way to ask for TLSA records that were signed.
 */
export class DnsResolver implements Resolver {
  readonly #parts: DnsResolverParts;
  readonly #remembered = new RecentMap<string, Remembered>(DNS.rememberedMax);
  readonly #underWay = new Map<string, Promise<Found>>();
  readonly #turns: Turns;
  /** The server that answered last. */
  #preferred = 0;

  constructor(parts: DnsResolverParts) {
    this.#parts = parts;
    this.#turns = new Turns(parts.clock);
  }

  async exchangers(domain: string): Promise<Answer<MxRecord>> {
    return typed(await this.#lookup({ name: domain, type: "MX" }), mxRecord);
  }

  async addresses(host: string, family: 4 | 6): Promise<Answer<string>> {
    const found = await this.#lookup({ name: host, type: family === 4 ? "A" : "AAAA" });
    return typed(found, (data) => (typeof data === "string" && isIP(data) === family ? data : undefined));
  }

  /** Who asks for what is asked already waits for the same answer. */
  #lookup(question: Question): Promise<Found> {
    const key = `${question.type} ${question.name}`;
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined) {
      if (remembered.until > this.#parts.clock.monotonic()) return Promise.resolve(remembered.found);
      this.#remembered.delete(key);
    }
    let underWay = this.#underWay.get(key);
    if (underWay === undefined) {
      underWay = this.#inTurn(question, key).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, underWay);
    }
    return underWay;
  }

  async #inTurn(question: Question, key: string): Promise<Found> {
    const resolved = await this.#turns.run((ended) => this.#resolve(question, ended));
    if (resolved === undefined) return { kind: "failed", text: TOO_MANY.waiting };
    this.#remembered.set(key, { found: resolved.found, until: this.#parts.clock.monotonic() + resolved.ttl });
    return resolved.found;
  }

  /** Follows aliases that the server did not follow itself. */
  async #resolve(question: Question, ended: AbortSignal): Promise<Resolved> {
    let ttl: Duration = DNS.ttlMax;
    let { name } = question;
    for (let aliases = 0; aliases <= DNS.aliasesMax; aliases++) {
      const asked = { ...question, name };
      const reading = await this.#ask(asked, ended);
      if (reading.kind === "trouble") return { found: { kind: "failed", text: reading.text }, ttl: DNS.ttlFailed };
      ttl = Math.min(ttl, reading.ttl);
      if (reading.kind === "answer") return { found: reading.found, ttl: Math.max(ttl, DNS.ttlMin) };
      name = reading.target;
    }
    return { found: { kind: "failed", text: tooManyAliases(question) }, ttl: DNS.ttlFailed };
  }

  /** What the first server says that says something, or what was wrong with the last. */
  async #ask(question: Question, ended: AbortSignal): Promise<Reading> {
    const { servers } = this.#parts;
    const first = this.#preferred; // others may move it meanwhile
    let trouble = "";
    for (let at = 0; at < servers.length * DNS.rounds; at++) {
      const number = (first + at) % servers.length;
      const server = servers[number]!;
      try {
        const reading = read(await this.#askServer(server, question, ended), question);
        if (reading.kind !== "trouble") {
          this.#preferred = number;
          return reading;
        }
        trouble = reading.text;
      } catch (error) {
        trouble = (error as Error).message;
      }
      trouble = `${question.type} of ${question.name}: ${serverText(server)}: ${trouble}`;
      if (ended.aborted) break;
    }
    return { kind: "trouble", text: trouble };
  }

  async #askServer(server: DnsServer, question: Question, ended: AbortSignal): Promise<Response> {
    const response = await this.#exchange(server, question, true, ended);
    // RFC 6891 section 7: a server that is too old for EDNS says so in one of these ways.
    const isTooOld = response.code === "FORMERR" || response.code === "NOTIMP";
    return isTooOld ? this.#exchange(server, question, false, ended) : response;
  }

  async #exchange(server: DnsServer, question: Question, hasEdns: boolean, ended: AbortSignal): Promise<Response> {
    const [high, low] = this.#parts.entropy.octets(2);
    const id = high! * 256 + low!;
    const query = encodeQuery(id, question, hasEdns);
    const reader = (octets: Uint8Array): Response | undefined => decodeResponse(octets, id, question);
    const response = await askByUdp(server, query, { timeout: DNS.attempt, ended }, reader);
    return response.isTruncated ? askByTcp(server, query, { timeout: DNS.tcp, ended }, reader) : response;
  }
}

function tooManyAliases({ name }: Question): string {
  return `${name} stands for another name that stands for another, more than ${DNS.aliasesMax} times`;
}

/** Goes along the aliases that the response has itself. */
function read(response: Response, question: Question): Reading {
  const { code, records, absentTtl } = response;
  if (code !== "NOERROR" && code !== "NXDOMAIN") return { kind: "trouble", text: code };
  if (response.isTruncated) return { kind: "trouble", text: "its answer is cut off over TCP too" };
  let { name } = question;
  let ttl: Duration = DNS.ttlMax;
  for (let aliases = 0; ; aliases++) {
    if (aliases > DNS.aliasesMax) return { kind: "trouble", text: tooManyAliases(question) };
    const own = records.filter((record) => record.name === name);
    const found = own.filter(({ type }) => type === question.type);
    if (found.length > 0) {
      if (code === "NXDOMAIN") return { kind: "trouble", text: "it contradicts itself: no such name, and its records" };
      ttl = Math.min(ttl, ...found.map((record) => record.ttl));
      return { kind: "answer", found: { kind: "found", records: found.map(({ data }) => data) }, ttl };
    }
    const alias = own.find(({ type }) => type === "CNAME");
    if (alias === undefined) break;
    name = plainName(String(alias.data));
    ttl = Math.min(ttl, alias.ttl);
  }
  if (code === "NOERROR" && name !== question.name && absentTtl === undefined)
    return { kind: "alias", target: name, ttl };
  const doubt = doubtAbout(response, question);
  if (doubt !== undefined) return { kind: "trouble", text: doubt };
  const believed = Math.min(absentTtl ?? DNS.ttlAbsentDefault, DNS.ttlAbsentMax, ttl);
  return { kind: "answer", found: { kind: "absent", hasName: code === "NOERROR" }, ttl: believed };
}

/**
 * Why a response without what was asked does not say that there is no such thing (RFC 2308 section 2); undefined where it
 * does. Absence is final for the mail, so not everything is believed. With NXDOMAIN it is about the last name of a chain of
 * aliases (RFC 6604 section 3).
 */
function doubtAbout(response: Response, { name }: Question): string | undefined {
  if (!response.isInformed) return "it asks no other servers (no recursion), and does not know itself";
  if (response.code === "NXDOMAIN" || response.absentTtl !== undefined) return undefined;
  if (response.isReferral) return "it refers to other servers instead of an answer";
  if (response.hasAnswer && !response.records.some((record) => record.name === name))
    return "it answers what was not asked";
  return undefined;
}

function mxRecord(data: unknown): MxRecord | undefined {
  const { preference, exchange } = data as { readonly preference?: unknown; readonly exchange?: unknown };
  if (typeof preference !== "number" || typeof exchange !== "string") return undefined;
  return { preference, exchange: plainName(exchange) };
}

function typed<Record>(found: Found, read: (data: unknown) => Record | undefined): Answer<Record> {
  if (found.kind !== "found") return found;
  const records = found.records.map(read).filter((record) => record !== undefined);
  return records.length > 0 ? { kind: "found", records } : { kind: "failed", text: "its records cannot be read" };
}
