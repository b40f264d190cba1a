import { describe, expect, test } from "vitest";
import { decodedBase64, decodedQuotedPrintable, octetsEncoded } from "./encodings.ts";
import { MadeUpHistory, traced } from "./made-up-history.ts";
import { STOP_MS_MAX, StopJudge } from "./stops.ts";

// An oracle that excuses too much finds nothing. Here it hears of relays that do what they must not.

const A = "a@good.test";
const B = "b@good.test";
const MINUTE = 60_000;

test("a relay that does all as it should is not blamed", () => {
  const world = new MadeUpHistory();
  const letter = world.letter([A, B]);
  world.kept(letter);
  world.delivered(letter, A);
  world.ledger.judged(B);
  const report = world.failedWithReport(letter, B, "s@src.test");
  world.delivered(report, "s@src.test");
  world.close();
  expect(world.found).toEqual([]);
});

describe("failures that nobody asked for (promise P5)", () => {
  test("of a report, which is not too big for anybody", () => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    world.kept(letter);
    world.ledger.judged(A);
    const report = world.failedWithReport(letter, A, "s@src.test");
    world.failedWithReport(report, "s@src.test", "postmaster@good.test");
    expect(world.found).toEqual([expect.stringContaining(`P5: s@src.test of ${report.key} failed`)]);
  });

  test.each([
    ["that its server has room for", "tight.test", 8000, 1],
    ["that is too big for its server", "tight.test", 10_000, 0],
    ["that its servers have no bound for", "good.test", 10_000, 1],
  ])("of a message %s", (_, domain, octets, violations) => {
    const world = new MadeUpHistory();
    const letter = world.letter([`a@${domain}`], { body: `${"x".repeat(octets)}\r\n` });
    world.kept(letter);
    world.failedWithReport(letter, `a@${domain}`, "s@src.test");
    expect(world.found.filter((text) => text.startsWith("P5"))).toHaveLength(violations);
  });

  test.each(["its recipient", "its domain"])("of a message after %s was refused", (what) => {
    const world = new MadeUpHistory();
    if (what === "its domain") world.ledger.deadDomain("good.test");
    else world.ledger.judged(A);
    world.now += MINUTE;
    const letter = world.letter([A]);
    world.kept(letter);
    world.failedWithReport(letter, A, "s@src.test");
    expect(world.found).toEqual([expect.stringContaining("P5")]);
  });
});

describe("a message that is older than it may be, by a clock that was set (promise P5)", () => {
  const HOUR = 60 * MINUTE;
  const [jump, restart, commit] = ["jump", "restart", "commit"] as const;
  test.each([
    ["before it was there", [jump, commit, restart], 1],
    ["before it was there, and again with a process that knows", [jump, commit, restart, jump], 1],
    ["while it waited, by a process that is gone", [commit, jump, restart], 0],
    ["while it waited, by a process that knows", [commit, restart, jump], 1],
  ])("%s", (_, steps, violations) => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    for (const step of steps) {
      world.now += HOUR;
      if (step === commit) world.kept(letter);
      else if (step === jump) world.ledger.jumped(100 * HOUR);
      else world.restarted();
    }
    world.failedWithReport(letter, A, "s@src.test");
    expect(world.found).toHaveLength(violations);
  });
});

describe("who may have it already is not asked again before its time (promise P3)", () => {
  const [copy, forward, back] = ["copy", "forward", "back"] as const;
  test.each([
    ["a second later", [copy], 1000, 1],
    ["when it is due", [copy], MINUTE, 0],
    ["when it is due by a clock that was set forward", [copy, forward], 1000, 0],
    ["by a clock that was set forward before that", [forward, copy], 1000, 1],
    ["when it is due by a timer, and the clock was set back", [copy, back], MINUTE, 0],
    ["before that, by a clock that was set back", [copy, back], 1000, 1],
    ["by a clock that was set back and forward", [copy, back, forward], 1000, 1],
    ["by a clock that was set forward and back", [copy, forward, back], 1000, 0],
  ])("%s", (_, steps, waitedMs, violations) => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    world.kept(letter);
    for (const step of steps) {
      world.now++;
      if (step === copy) world.took(letter, A);
      else world.ledger.jumped(step === forward ? 60 * MINUTE : -60 * MINUTE);
    }
    world.now += waitedMs;
    world.ledger.tried(A, "primary");
    expect(world.found).toHaveLength(violations);
  });
});

describe("an end in order (promise P3)", () => {
  test.each([
    ["heard before", true, false, 1],
    ["never heard", false, false, 0],
    ["heard by a process that died", true, true, 0],
  ])("records what was %s", (_, isHeard, hasDied, violations) => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    world.kept(letter);
    for (const copy of world.took(letter, A)) copy.heardAt = isHeard ? world.now : undefined;
    if (hasDied) world.restarted();
    world.ledger.stopped();
    expect(world.found).toHaveLength(violations);
  });
});

describe("content that is converted (promise P6)", () => {
  const BODY = "gr\xfc\xdfe = \xe4\r\n";
  const header = (encoding: string): string =>
    `X-Letter: m1\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
  const base64 = `${Buffer.from(BODY, "latin1").toString("base64")}\r\n`;
  const readable = "gr=FC=DFe =3D =E4\r\n";
  test.each([
    ["nothing, as it was", header("8bit") + BODY, true, undefined],
    ["nothing, in base64", header("base64") + base64, false, undefined],
    ["nothing, in quoted-printable", header("quoted-printable") + readable, false, undefined],
    ["8 bits for a server of 7", header("8bit") + BODY, false, "takes 7"],
    ["a conversion that nobody needed", header("base64") + base64, true, "not the"],
    ["other octets", header("quoted-printable") + readable.replace("=E4", "=E5"), false, "other octets"],
    ["nothing but a header", header("base64"), false, "other octets"],
    ["no such encoding", header("quoted-printable") + readable.replace("=E4", "=e4"), false, "is no quoted"],
    ["an encoding that is not named", header("8bit") + base64, false, "is no 8bit"],
    ["a field that is gone", header("base64").replace(/Content-Type.*\r\n/, "") + base64, false, "other header"],
    ["a field that is new", `Content-Language: de\r\n${header("base64")}${base64}`, false, undefined],
    [
      "a field that is new among others",
      header("base64").replace("Content-Type", "X: y\r\nContent-Type") + base64,
      false,
      "other header",
    ],
  ])("%s", (_, text, hasEightBit, fault) => {
    const world = new MadeUpHistory();
    const letter = world.letter([A], { body: BODY });
    world.kept(letter);
    const content = traced(text);
    world.took(letter, A, { content, wire: content, hasEightBit });
    expect(world.found).toEqual(fault === undefined ? [] : [expect.stringContaining(fault)]);
  });

  test.each([
    [{ isDeclaredEightBit: false }, "was not said"],
    [{ size: 100 }, "takes 100"],
  ])("what a server was not told, or is too much for it: %j", (facts, fault) => {
    const world = new MadeUpHistory();
    const letter = world.letter([A], { body: BODY });
    world.kept(letter);
    world.took(letter, A, facts);
    expect(world.found).toEqual([expect.stringContaining(fault)]);
  });

  test("a report that is not as it was stored", () => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    world.kept(letter);
    world.ledger.judged(A);
    const report = world.failedWithReport(letter, A, "s@src.test");
    const content = traced(`${report.content.toString("latin1")}more\r\n`);
    world.took(report, "s@src.test", { content, wire: content });
    expect(world.found).toEqual([expect.stringContaining("P6")]);
  });

  test("decoders know what is none, and how long an encoding is", () => {
    expect(decodedQuotedPrintable("a=\r\nb =20\r\n")?.toString()).toBe("ab  \r\n");
    for (const none of ["a \r\n", "=4", "=zz", "\xe4", "x".repeat(77)])
      expect(decodedQuotedPrintable(none)).toBeUndefined();
    expect(decodedBase64("YWJj\r\nZA==\r\n")?.toString()).toBe("abcd");
    for (const none of ["YW", "YW=J", "Y\xe4==", "YWJj".repeat(20)]) expect(decodedBase64(none)).toBeUndefined();
    expect(octetsEncoded(Buffer.from("a=\xe4\r\n", "latin1"))).toEqual({ quotedPrintable: 9, base64: 10 });
  });
});

describe("silence about who failed (promise P2)", () => {
  const TOO_MANY = "not told: too many reports went there in this hour";
  const fail = (world: MadeUpHistory, number: number, note?: string): void => {
    const address = `r${number}@good.test`;
    const letter = world.letter([address], { from: "" });
    world.kept(letter);
    world.ledger.judged(address);
    if (note === undefined) world.failedWithReport(letter, address, "postmaster@good.test");
    else world.ended(letter, address, "failed", note);
  };
  const silences = (world: MadeUpHistory): string[] => {
    world.close();
    return world.found.filter((text) => text.includes("was not told"));
  };

  test("is believed where as many were told as may be", () => {
    const world = new MadeUpHistory();
    for (const number of [1, 2]) fail(world, number);
    fail(world, 3, `postmaster ${TOO_MANY}`);
    expect(silences(world)).toEqual([]);
  });

  test("is not where fewer were", () => {
    const world = new MadeUpHistory();
    fail(world, 1);
    fail(world, 3, `postmaster ${TOO_MANY}`);
    expect(silences(world)).toEqual([expect.stringContaining("had heard of 1 of 2")]);
  });

  test("nor where that was in another hour, or in another life", () => {
    for (const [ms, lives] of [
      [2 * 3_600_000, 0],
      [0, 1],
    ] as const) {
      const world = new MadeUpHistory();
      for (const number of [1, 2]) fail(world, number);
      world.now += ms;
      for (let n = 0; n < lives; n++) world.ledger.died();
      fail(world, 3, `postmaster ${TOO_MANY}`);
      expect(silences(world)).toHaveLength(1);
    }
  });

  test.each([
    ["s@src.test", `sender ${TOO_MANY}`],
    ["s@src.test", "sender not told: no route takes a report to <s@src.test>"],
    ["s@src.test", ""],
    ["", "nobody told: the message has no sender"],
  ])("of <%s>'s with the note %j is none of those", (from, note) => {
    const world = new MadeUpHistory();
    const letter = world.letter([A], { from });
    world.kept(letter);
    world.ledger.judged(A);
    world.ended(letter, A, "failed", note);
    expect(silences(world)).toHaveLength(1);
  });

  test("a report about somebody else's message tells nobody", () => {
    const world = new MadeUpHistory();
    const [letter, other] = [world.letter([A]), world.letter([B])];
    world.kept(letter);
    world.kept(other);
    for (const address of [A, B]) world.ledger.judged(address);
    const { key } = world.failedWithReport(letter, A, "s@src.test");
    world.ended(other, B, "failed", `sender told in report ${key}`);
    expect(world.found).toEqual([expect.stringContaining("was not committed with it")]);
  });
});

describe("a delivery that ends twice (promise P2)", () => {
  test.each([
    ["delivered", "failed"],
    ["failed", "delivered"],
    ["delivered", "delivered"],
  ] as const)("%s, then %s", (first, second) => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    world.kept(letter);
    for (const copy of world.took(letter, A)) copy.heardAt = world.now;
    world.ledger.judged(A);
    if (first === "delivered") world.ended(letter, A, first);
    else world.failedWithReport(letter, A, "s@src.test");
    world.ended(letter, A, second);
    expect(world.found).toEqual([expect.stringContaining(`was ${first}, and then it was ${second}`)]);
  });

  test("delivered, then cancelled", () => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    world.kept(letter);
    world.acted(letter, A, "cancel", true);
    world.delivered(letter, A);
    world.ledger.cancelled(letter.id!, letter.accounts.get(A)!.row!, "");
    expect(world.found).toEqual([expect.stringContaining("was delivered, and then it was cancelled")]);
  });
});

describe("a letter is kept for all of its recipients, or for none (promises P1, P2)", () => {
  test.each(["acknowledged", "unknown"] as const)("for some: its client's knowledge of it is %s", (fate) => {
    const world = new MadeUpHistory();
    const letter = world.letter([A, B]);
    world.kept(letter, [A]);
    letter.fate = fate;
    world.delivered(letter, A);
    world.close();
    expect(world.found).toEqual([expect.stringContaining(`kept for some of its recipients, and not for ${B}`)]);
  });

  test("for none, where nobody was told that it is", () => {
    const world = new MadeUpHistory();
    world.letter([A, B]).fate = "unknown";
    world.close();
    expect(world.found).toEqual([]);
  });

  test("for one that was refused", () => {
    const world = new MadeUpHistory();
    const letter = world.letter([A, B]);
    letter.accounts.get(B)!.isNamed = false;
    world.kept(letter);
    expect(world.found).toEqual([expect.stringContaining(`for ${B}, who is none of its recipients`)]);
  });

  test("delivered to one for whom it was not kept", () => {
    const world = new MadeUpHistory();
    const letter = world.letter([A, B]);
    letter.accounts.get(B)!.isNamed = false;
    world.kept(letter, [A]);
    letter.fate = "unknown";
    world.took(letter, B);
    expect(world.found).toEqual([expect.stringContaining(`went to ${B}, for whom it was never kept`)]);
  });
});

describe("what may be somewhere is not tried before its time (promise P3)", () => {
  const early = (before: (world: MadeUpHistory) => void, between: (world: MadeUpHistory) => void): string[] => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    world.kept(letter);
    before(world);
    world.took(letter, A);
    world.now += 10_000;
    between(world);
    world.ledger.tried(A, "primary");
    return world.found;
  };
  const letterOf = (world: MadeUpHistory, key = "m1") => world.ledger.letters.get(key)!;
  const act = (action: "retry" | "release" | "reroute" | "hold", isInHand: boolean) => (world: MadeUpHistory) =>
    world.acted(letterOf(world), A, action, isInHand);
  const park = (world: MadeUpHistory): void => world.parked(letterOf(world), A);
  const nothing = (): void => undefined;
  const all =
    (...steps: readonly ((world: MadeUpHistory) => void)[]) =>
    (world: MadeUpHistory): void => {
      for (const step of steps) step(world);
    };
  const other = (world: MadeUpHistory): void => {
    world.kept(world.letter([B]));
    world.acted(letterOf(world, "m2"), B, "retry", false);
  };

  test.each([
    ["an operator wanted it again", nothing, all(park, act("retry", false)), 0],
    ["an operator wanted it elsewhere while it was under way", act("reroute", true), park, 0],
    [
      "and waited there",
      act("reroute", true),
      all(park, (world) => world.parked(letterOf(world), A, "rerouted-by-operator")),
      0,
    ],
    ["nobody wanted that", nothing, park, 1],
    ["its life was over", (world) => void (world.now += 100 * 60 * MINUTE - 9000), park, 1],
    ["an operator wanted it before it was there", act("retry", false), park, 1],
    [
      "what an operator wanted came about once already",
      act("reroute", true),
      all(park, (world) => world.took(letterOf(world), A), park),
      1,
    ],
    ["it was under way when an operator wanted it", nothing, all(act("retry", true), park), 1],
    ["an operator held it", nothing, all(park, act("hold", false)), 1],
    ["an operator wanted somebody else's", nothing, all(park, other), 1],
  ])("%s", (_, before, between, violations) => {
    expect(early(before, between)).toHaveLength(violations);
  });

  test.each([
    ["nobody wanted that", nothing, 1],
    ["an operator wanted it elsewhere", all(park, act("reroute", false)), 0],
    ["an operator wanted it again", all(park, act("retry", false)), 1],
    ["its next hop was not well", (world: MadeUpHistory) => world.ledger.troubled("primary"), 0],
    ["another next hop was not well", (world: MadeUpHistory) => world.ledger.troubled("backup"), 1],
  ])("after a crash it does not go elsewhere: %s", (_, between, violations) => {
    const world = new MadeUpHistory();
    world.now = 10 * MINUTE;
    const letter = world.letter([A]);
    world.kept(letter);
    world.took(letter, A);
    world.ledger.died();
    between(world);
    world.ledger.tried(A, "backup");
    expect(world.found).toHaveLength(violations);
  });
});

describe("a second copy (promise P3)", () => {
  const again = (
    heardAt: number | undefined,
    diedAt: readonly number[],
    refusedAt?: number,
    tookAt?: number,
  ): string[] => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    world.kept(letter);
    const taker = { isKeptBack: () => false };
    for (const copy of world.took(letter, A, taker)) copy.heardAt = heardAt;
    const deaths = diedAt.map((at) => ({ at, happen: () => world.restarted() }));
    const refusals = refusedAt === undefined ? [] : [{ at: refusedAt, happen: () => world.ledger.storeRefused() }];
    const other = world.letter([B]);
    world.kept(other);
    const records = tookAt === undefined ? [] : [{ at: tookAt, happen: () => world.parked(other, B) }];
    for (const { at, happen } of [...deaths, ...refusals, ...records].toSorted((one, other) => one.at - other.at)) {
      world.now = at;
      happen();
    }
    world.took(letter, A, taker);
    return world.found;
  };

  test.each([
    ["a process that died as it heard of the first", 1000, [1200], undefined, 0],
    ["one that died long enough after it heard", 1000, [1300], undefined, 1],
    ["one that died before it heard", undefined, [1500], undefined, 0],
    ["one that died when nothing was to be heard any more", undefined, [20 * MINUTE], undefined, 1],
    ["one that did not die", 1000, [], undefined, 1],
    ["one whose store refused to record it", 1000, [10_000], 9500, 0],
    ["one whose store had refused to record it for a moment", 1000, [10_000], 2000, 1],
    ["one whose store refused at last, and took others' ends before", 1000, [10_000], 9500, 1, 5000],
    ["one whose store took others' ends since it refused", 1000, [10_000], 9500, 0, 9000],
    ["one whose store refused something when it was dead", 1000, [10_000], 10_001, 1],
    ["one that died long after, as the next one did soon", 1000, [10_000, 10_500], undefined, 1],
  ] as const)("of %s", (_, heardAt, diedAt, refusedAt, violations, tookAt?: number) => {
    expect(again(heardAt, diedAt, refusedAt, tookAt)).toHaveLength(violations);
  });
});

test("a report about no message that was kept has nobody to go to (promise P4)", () => {
  const world = new MadeUpHistory();
  world.reported("stranger@good.test");
  expect(world.found).toEqual([expect.stringContaining("to stranger@good.test is about no message")]);
});

describe("a stop that does not end (promise P7)", () => {
  const overdue = (refusals: readonly number[]): number => {
    let now = 0;
    const found: string[] = [];
    const judge = new StopJudge({ now: () => now, violation: (_, text) => found.push(text) });
    const refuse = (at: number): void => {
      now = 10 * MINUTE + at;
      judge.storeRefused();
    };
    for (const at of refusals.filter((one) => one < 0)) refuse(at);
    now = 10 * MINUTE;
    judge.began();
    for (const at of refusals.filter((one) => one >= 0)) refuse(at);
    now = 10 * MINUTE + STOP_MS_MAX;
    judge.isOverdue();
    return found.length;
  };

  test.each([
    ["never", [], 1],
    ["before it began", [-1000], 1],
    ["long before the stop had to end", [5000, 20_000], 1],
    ["when it was to be over", [34_500], 1],
    ["all the time", [1000, 20_000, 34_500], 0],
    ["when ends were to be recorded", [32_000], 0],
  ])("where the store refused something %s", (_, refusals, violations) => {
    expect(overdue(refusals)).toBe(violations);
  });
});
