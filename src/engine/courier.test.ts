import { describe, expect, test } from "vitest";
import { MemoryFiles } from "../../test/support/engine.ts";
import { settle } from "../../test/support/dispatching.ts";
import { FakeClock, START } from "../../test/support/fake-clock.ts";
import { octetText, utf8 } from "../core/base/bytes.ts";
import { OUTBOUND, OUTBOUND_TIME } from "../core/base/limits.ts";
import { minute, second } from "../core/base/time.ts";
import { Doubts } from "../core/outbound/doubts.ts";
import type { Outcome, Phase, Transient } from "../core/outbound/outcome.ts";
import type { ConnectTarget, Socket, SocketHandler, Transport } from "../ports/transport.ts";
import { FREE_TERMS } from "../core/routing/site-terms.ts";
import { BrokenTls } from "./broken-tls.ts";
import { Courier } from "./courier.ts";
import type { Load } from "./load.ts";

/** What a server says in each phase; at `falls` it says nothing any more. */
const USUAL: Readonly<Record<string, string>> = {
  greeting: "220 hi",
  EHLO: "250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN",
  STARTTLS: "220 go",
  AUTH: "235 welcome",
  MAIL: "250 ok",
  RCPT: "250 ok",
  DATA: "354 go",
  content: "250 kept",
  RSET: "250 ok",
  QUIT: "221 bye",
};

/** Each answer of the server comes after this; deadlines are those of one answer, not of the session. */
const PACE = 20 * second;

/** A server in memory that falls silent when it has heard a verb, and a network that stops to take content. */
class SilentHop implements Transport {
  readonly #clock: FakeClock;
  readonly #falls: string;
  readonly #answers: Readonly<Record<string, string>>;
  target: ConnectTarget | undefined;
  handler: SocketHandler | undefined;
  /** The verb that nobody answers. */
  heard = "";
  isClosed = false;
  takesContent = true;
  #isContent = false;
  #content = "";

  constructor(clock: FakeClock, falls: string, answers: Readonly<Record<string, string>> = {}) {
    this.#clock = clock;
    this.#falls = falls;
    this.#answers = { ...USUAL, ...answers };
  }

  connect(target: ConnectTarget, handler: SocketHandler & { connected(socket: Socket): void }): Socket {
    this.target = target;
    this.handler = handler;
    const socket: Socket = {
      local: { address: "", port: 0 },
      remote: { address: "192.0.2.1", port: 25 },
      send: (parts) => {
        this.#take(parts.map((part) => (typeof part === "string" ? part : octetText(part))).join(""));
        return !this.#isContent || this.takesContent;
      },
      pause: () => undefined,
      resume: () => undefined,
      startTls: () => void this.#clock.after(PACE, () => handler.secured(TLS)),
      close: () => this.#close(),
      destroy: () => this.#close(),
    };
    this.#clock.after(PACE, () => {
      handler.connected(socket);
      this.#answer("greeting");
    });
    return socket;
  }

  #close(): void {
    if (!this.isClosed) this.#clock.soon(() => this.handler!.closed({ kind: "closed-here", text: "" }));
    this.isClosed = true;
  }

  #take(text: string): void {
    if (this.#isContent) {
      this.#content += text;
      if (!this.#content.endsWith("\r\n.\r\n")) return;
      this.#isContent = false;
      return this.#answer("content");
    }
    const verb = text.split(/[ \r]/)[0]!;
    this.#isContent = verb === "DATA" && this.#answers["DATA"]!.startsWith("354");
    return this.#answer(verb);
  }

  #answer(verb: string): void {
    this.heard = verb;
    if (verb === this.#falls) return;
    this.#clock.after(PACE, () => this.handler!.received(utf8(`${this.#answers[verb]!}\r\n`)));
  }
}

const TLS = { version: "TLSv1.3", cipher: "x", isVerified: true };
/** Answers that a session needs at most, with as many moments in between. */
const STEPS_MAX = 30;

interface Attempt {
  readonly clock: FakeClock;
  readonly hop: SilentHop;
  readonly courier: Courier;
  readonly outcomes: (readonly Outcome[])[];
  readonly ends: (Transient | undefined)[];
  readonly idles: number[];
  /** Pieces of content in a file that are waited for. */
  readonly reads: ((piece: Uint8Array) => void)[];
}

interface Kind {
  /** Another message follows. */
  readonly isFollowed?: boolean;
  /** Another next hop would take the message. */
  readonly hasNextStep?: boolean;
  /** The content is in a file, and goes out piece by piece. */
  readonly isLarge?: boolean;
  readonly pieces?: number;
  /** It is 8-bit and in a file, and the server takes 7 bits. */
  readonly isConverted?: boolean;
  readonly answers?: Readonly<Record<string, string>>;
}

const PIECE = utf8("a line of content\r\n");

/** `pieces`: of a file; undefined for a few octets in memory. */
function load(pieces: number | undefined, isEightBit = false): Load {
  const envelope = { from: "s@a.test", identity: "user x", client: "", isEightBit, isUtf8: false, subject: "" };
  return {
    lane: "smarthost/a",
    priority: "normal",
    message: {
      id: "m",
      receivedAt: START,
      octets: pieces === undefined ? 5 : pieces * PIECE.length,
      envelope: { ...envelope, prefix: "Received: x\r\n" },
      content: pieces === undefined ? utf8("body\r\n") : undefined,
      claimedFrom: undefined,
      left: 1,
    },
    deliveries: [
      {
        row: 1,
        recipient: "r@b.test",
        options: "",
        priority: "normal",
        attempts: 1,
        isTold: false,
        wish: "none",
      },
    ],
  };
}

/** An attempt that goes on until the server falls silent. */
async function attempt(
  falls: string,
  {
    isLarge = false,
    pieces = 4,
    isConverted = false,
    isFollowed = false,
    hasNextStep = false,
    answers = {},
  }: Kind = {},
): Promise<Attempt> {
  const clock = new FakeClock();
  const hop = new SilentHop(clock, falls, answers);
  const files = new MemoryFiles();
  files.files.set(
    "m",
    Array.from({ length: pieces }, () => PIECE),
  );
  hop.takesContent = falls !== "block";
  const found: Omit<Attempt, "courier"> = { clock, hop, outcomes: [], ends: [], idles: [], reads: [] };
  const read = (): Promise<Uint8Array> => new Promise((resolve) => found.reads.push(resolve));
  if (isConverted) files.open = () => ({ read, close: () => undefined });
  const target = {
    candidates: [{ host: "a.test", address: "192.0.2.1" }],
    port: 25,
    isImplicitTls: false,
    tls: "verify",
    credentials: { username: "user", password: "secret" },
    authorities: [],
    isOurRelay: true,
    ...FREE_TERMS,
  } as const;
  const courier = new Courier(
    { transport: hop, clock, files, ehloName: () => "us.test", brokenTls: new BrokenTls(clock) },
    "smarthost/a",
    target,
    new Doubts(),
    {
      idle: (idle) => {
        found.idles.push(clock.monotonic());
        if (isFollowed) idle.send(load(undefined));
      },
      mayConnect: () => true,
      mayBegin: () => true,
      hasNextStep: () => hasNextStep,
      done: (_courier, _load, outcomes) => void found.outcomes.push(outcomes),
      gone: (_courier, failure) => void found.ends.push(failure),
    },
    load(isLarge || isConverted ? pieces : undefined, isConverted),
  );
  const last = falls === "block" ? "DATA" : falls;
  await go(
    found,
    () =>
      hop.heard === last || found.reads.length > 0 || found.idles.length > 1 || (found.idles.length > 0 && !isFollowed),
  );
  if (falls === "block") {
    clock.advance(PACE); // 354, and the first piece goes
    await settle();
  }
  return { ...found, courier };
}

async function go({ clock }: Pick<Attempt, "clock">, until: () => boolean): Promise<void> {
  for (let n = 0; n < STEPS_MAX && !until(); n++) {
    clock.advance(PACE);
    await settle();
  }
  expect(until()).toBe(true);
}

/** Nothing ends a moment before the phase's time is over, and everything does then. */
async function expectEnd({ clock, ends }: Attempt, phase: Phase): Promise<void> {
  clock.advance(OUTBOUND_TIME[phase] - 1);
  await settle();
  expect(ends).toEqual([]);
  clock.advance(1);
  await settle();
  expect(ends).toHaveLength(1);
}

const SILENCES: readonly (readonly [phase: Phase, falls: string, kind: Kind])[] = [
  ["greeting", "greeting", {}],
  ["ehlo", "EHLO", {}],
  ["startTls", "STARTTLS", {}],
  ["auth", "AUTH", {}],
  ["mail", "MAIL", {}],
  ["rcpt", "RCPT", {}],
  ["data", "DATA", {}],
  ["block", "block", { isLarge: true }],
  ["finalDot", "content", {}],
  ["finalDot", "content", { isLarge: true }],
];

const BEFORE_MAIL = ["greeting", "ehlo", "startTls", "auth"];

describe("an attempt at a silent server ends when the time of the phase is over", () => {
  test.each(SILENCES)("%s (%s, %j)", async (phase, falls, kind) => {
    const a = await attempt(falls, kind);
    await expectEnd(a, phase);
    const failure = BEFORE_MAIL.includes(phase) ? a.ends[0] : a.outcomes[0]![0];
    const isPossibleDuplicate = phase === "finalDot";
    expect(failure).toMatchObject({ kind: "transient", cause: "timed-out", phase, isPossibleDuplicate });
    expect(a.outcomes).toHaveLength(BEFORE_MAIL.includes(phase) ? 0 : 1);
    expect(a.hop.isClosed).toBe(true);
  });

  test.each(["2", "\r\n", "250-x\r\n"])("also where every second brings %j", async (octets) => {
    for (const [phase, falls, kind] of SILENCES) {
      const a = await attempt(falls, kind);
      for (let left = OUTBOUND_TIME[phase] - second; left > 0; left -= second) {
        a.hop.handler!.received(utf8(octets));
        a.clock.advance(second);
      }
      await settle();
      expect(a.ends).toEqual([]);
      a.clock.advance(second);
      await settle();
      expect(a.ends).toHaveLength(1);
    }
  });

  test("connection and handshake: the transport is told for how long", async () => {
    const { hop } = await attempt("EHLO");
    expect(hop.target).toMatchObject({
      connectTimeout: OUTBOUND_TIME.connect,
      handshakeTimeout: OUTBOUND_TIME.startTls,
    });
  });

  test("a minute for each answer before MAIL, where another step of the route is open", async () => {
    for (const [phase, falls, kind] of SILENCES) {
      const a = await attempt(falls, { ...kind, hasNextStep: true });
      const isBefore = BEFORE_MAIL.includes(phase);
      a.clock.advance((isBefore ? OUTBOUND.sessionPatience : OUTBOUND_TIME[phase]) - 1);
      await settle();
      expect([phase, a.ends]).toEqual([phase, []]);
      a.clock.advance(1);
      await settle();
      expect([phase, a.ends.length]).toEqual([phase, 1]);
    }
  });

  test("RSET, before the next message, of which that was no attempt", async () => {
    const a = await attempt("RSET", { isFollowed: true, answers: { RCPT: "550 5.1.1 who" } });
    await expectEnd(a, "rset");
    expect(a.outcomes[1]).toMatchObject([{ kind: "transient", cause: "timed-out", phase: "rset" }]);
    expect(a.ends).toEqual([undefined]);
  });

  test("a connection without a message, and QUIT: no failure", async () => {
    const a = await attempt("QUIT");
    a.clock.advance(OUTBOUND_TIME.idle - 1);
    expect(a.hop.heard).toBe("content");
    a.clock.advance(1);
    expect(a.hop.heard).toBe("QUIT");
    await expectEnd(a, "quit");
    expect(a.outcomes).toMatchObject([[{ kind: "delivered" }]]);
    expect(a.ends).toEqual([undefined]);
  });

  test("an answer to the final dot a second before its time is over is one", async () => {
    const a = await attempt("content");
    a.clock.advance(OUTBOUND_TIME.finalDot - second);
    a.hop.handler!.received(utf8("250 kept\r\n"));
    expect(a.outcomes).toMatchObject([[{ kind: "delivered" }]]);
    expect(a.ends).toEqual([]);
  });

  test("a network that takes some content now and then has that long for each piece", async () => {
    const a = await attempt("block", { isLarge: true });
    for (let n = 0; n < 3; n++) {
      a.clock.advance(OUTBOUND_TIME.block - second);
      a.hop.handler!.drained();
      await settle();
    }
    expect(a.ends).toEqual([]);
    await expectEnd(a, "block");
    expect(a.outcomes).toMatchObject([[{ kind: "transient", cause: "timed-out", isPossibleDuplicate: false }]]);
  });
});

test("a transaction has hours, however often the peer takes a little of it", async () => {
  const a = await attempt("block", { isLarge: true, pieces: 200 });
  let minutes = 0;
  for (; a.outcomes.length === 0 && minutes < 200; minutes++) {
    a.clock.advance(minute);
    a.hop.handler!.drained();
    await settle();
  }
  expect(Math.abs(minutes - OUTBOUND.transactionTime / minute)).toBeLessThan(5);
  expect(a.outcomes).toMatchObject([[{ kind: "transient", cause: "timed-out", isPossibleDuplicate: false }]]);
});

describe("a server of 7 bits that ends the session while a message is converted for it", () => {
  test.each(["421 4.4.2 timeout\r\n", "250 what\r\n", "no reply\r\n"])(
    "with %j: that was an attempt too",
    async (said) => {
      const a = await attempt("nothing", { isConverted: true });
      a.hop.handler!.received(utf8(said));
      await settle();
      a.clock.runSoon();
      expect(a.outcomes).toMatchObject([[{ kind: "transient", cause: "connection-lost", phase: "mail" }]]);
      expect(a.ends).toEqual([undefined]);
    },
  );

  test("by hanging up: that was an attempt, and the rest of the content is nobody's business", async () => {
    const a = await attempt("nothing", { isConverted: true });
    expect(a.reads).toHaveLength(1);
    a.hop.handler!.closed({ kind: "ended", text: "" });
    expect(a.outcomes).toMatchObject([[{ kind: "transient", cause: "connection-lost", phase: "mail" }]]);
    expect(a.ends).toEqual([undefined]);
    a.reads[0]!(utf8("more\r\n"));
    await settle();
    expect(a.reads).toHaveLength(1);
  });
});
