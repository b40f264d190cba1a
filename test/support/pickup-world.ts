import { setImmediate as turn } from "node:timers/promises";
import { concatBytes, utf8 } from "../../src/core/base/bytes.ts";
import { type Duration, type Instant, day, second } from "../../src/core/base/time.ts";
import type { Notice } from "../../src/core/dsn/notice.ts";
import { ANY_SENDER } from "../../src/core/policy/address-pattern.ts";
import type { Identity } from "../../src/core/policy/identity.ts";
import { spoolFile } from "../../src/core/submission/spooled.ts";
import { Pickup } from "../../src/engine/pickup.ts";
import type { OpenedFile, Spool, SpoolLook, SpoolPart } from "../../src/ports/spool.ts";
import { KNOWN, KNOWN_OTHERWISE, type Arrival, type Settlement } from "../../src/ports/store.ts";
import { TestEngine } from "./engine.ts";
import { FakeClock, START } from "./fake-clock.ts";
import { testListener } from "./listener.ts";

/** A spool in memory, whose disk may fail. */
class MemorySpool implements Spool {
  readonly files = new Map<string, Uint8Array>();
  readonly dead: string[] = [];
  /** Parts that were kept, by the names of their files. */
  readonly parts = new Map<string, Uint8Array>();
  owner = { uid: 7, isOurs: false };
  /** One look sees all of it. */
  isSmall = true;
  /** What removing fails with: the relay is killed before it. */
  failure: Error | undefined;
  unreadable: string | undefined;
  leftAllAt: Instant = START;
  /** What the folder itself fails with. */
  trouble: string | undefined;
  /** What the owner does to a file while it is read: what stands behind its first piece then. */
  change: ((octets: Uint8Array) => Uint8Array) | undefined;

  look(): Promise<SpoolLook> {
    if (this.trouble !== undefined) return Promise.reject(new Error(this.trouble));
    const names = [...this.files.keys()].toSorted();
    return Promise.resolve({ names, isAll: this.isSmall });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  open(name: string): Promise<OpenedFile> {
    const octets = this.files.get(name);
    if (octets === undefined) return Promise.resolve({ kind: "gone" });
    if (this.unreadable !== undefined) return Promise.resolve({ kind: "unreadable", why: this.unreadable });
    let at = 0;
    const read = (most: number): Promise<Uint8Array> => {
      const now = at === 0 || this.change === undefined ? octets : this.change(octets);
      return Promise.resolve(now.slice(at, (at += most)));
    };
    const { uid, isOurs } = this.owner;
    const file = { uid, user: "app", isOurs, octets: octets.length, read, close: () => Promise.resolve() };
    return Promise.resolve({ kind: "file", file });
  }

  leftAt(name: string): Promise<Instant | undefined> {
    return Promise.resolve(this.files.has(name) ? this.leftAllAt : undefined);
  }

  async remove(name: string): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.files.delete(name);
  }

  async bury(name: string): Promise<string> {
    await Promise.resolve();
    this.dead.push(name);
    this.files.delete(name);
    return `dead/${name}`;
  }

  buryPart(name: string, _: unknown, { head, contentAt, octets }: SpoolPart): Promise<string> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.parts.set(name, concatBytes([head, this.files.get(name)!.slice(contentAt, contentAt + octets)]));
    return Promise.resolve(`dead/part of ${name}`);
  }

  userOf(uid: number): string {
    return `user${uid}`;
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }
}

export const LOCAL: Extract<Identity, { kind: "local" }> = { kind: "local", user: "app", uid: 7, senders: ANY_SENDER };

export class World {
  readonly clock = new FakeClock();
  readonly listener = { ...testListener("trusted") };
  readonly engine = new TestEngine(this.clock, this.listener);
  readonly spool = new MemorySpool();
  readonly known = new Set<string>();
  readonly settled: Settlement[] = [];
  identity: Identity = LOCAL;
  /** Whose mail came by. */
  readonly owners: string[] = [];
  messageOctetsMax = 1000;
  #pickup = this.#next();

  constructor() {
    const { queue } = this.engine;
    const submit = queue.submit.bind(queue);
    queue.submit = (arrival: Arrival) => {
      const before = [...this.known].find((mark) => mark.split("/")[0] === arrival.spooled!.split("/")[0]);
      if (before !== undefined) return Promise.resolve(before === arrival.spooled ? KNOWN : KNOWN_OTHERWISE);
      return submit(arrival).then((row) => {
        this.known.add(arrival.spooled!);
        return row;
      });
    };
  }

  #next(): Pickup {
    return new Pickup({
      spool: this.spool,
      queue: {
        markOf: (name) => Promise.resolve([...this.known].find((mark) => mark.split("/")[0] === name)),
        settleWithReports: (settlements) => {
          this.settled.push(...settlements);
          return Promise.resolve();
        },
      },
      recorder: this.engine.parts.recorder,
      notifier: {
        notice: (_message, _action, { delivery }) => this.notice(delivery.recipient),
        parts: (_message, _action, fared) => (fared.length === 0 ? [] : [[...fared]]),
        report: () => this.report(),
      },
      reception: this.engine.parts,
      rules: () => ({
        name: "spool",
        hostname: "relay.test",
        tls: "none",
        isTlsRequired: false,
        bareNewlines: "reject",
        messageOctetsMax: this.messageOctetsMax,
        recipientsMax: 5,
        messagesPerConnectionMax: 1,
        hasCredentials: false,
      }),
      expire: () => 5 * day,
      identityOf: (user, uid) => {
        this.owners.push(`${user} ${uid}`);
        return this.identity;
      },
    });
  }

  notice = (_recipient: string): Notice => "report";

  report = (): Promise<{ note: string; report: Arrival | undefined }> =>
    Promise.resolve({ note: "sender not told: no route", report: undefined });

  /** Puts a message there. */
  put(name: string, recipients: readonly string[], content = utf8("Subject: x\r\n\r\n.hi\r\n")): void {
    const envelope = { reversePath: "u@h.test", octets: content.length, isEightBit: false, needsSmtpUtf8: false };
    const transaction = { ...envelope, recipients: recipients.map((forwardPath) => ({ forwardPath })) };
    this.spool.files.set(name, concatBytes(spoolFile(transaction, content)));
  }

  /** One look, to its end; the next one is another process's. */
  async look(): Promise<void> {
    await this.lookAgain();
    this.#pickup = this.#next();
  }

  /** One of many. */
  async lookAgain(): Promise<void> {
    const round = this.#pickup.look().then(() => true);
    while (!(await Promise.race([round, turn(false)]))) this.clock.runSoon();
  }

  /** Looks for so long; answers when the file failed, in seconds from now on. */
  async lookFor(span: Duration, every: Duration): Promise<number[]> {
    const failures: number[] = [];
    for (let passed = 0; passed < span; passed += every) {
      const before = this.events("spool.failed").length;
      await this.lookAgain();
      if (this.events("spool.failed").length > before) failures.push(passed / second);
      this.clock.advance(every);
    }
    return failures;
  }

  events(name: string): unknown[] {
    return this.engine.events.filter(({ event }) => event === name);
  }
}

/** From now on there is a route to this domain only, or to all. */
export function route(world: World, domain?: string): void {
  world.listener.routes = testListener(domain === undefined ? "trusted" : `trusted routes=${domain}`).routes;
}
