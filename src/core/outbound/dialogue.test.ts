import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Answer,
  CLOSE,
  type Course,
  SILENCE,
  type Script,
  play,
  transaction,
} from "../../../test/support/fake-next-hop.ts";
import { utf8 } from "../base/bytes.ts";
import { Dialogue, type DialogueSettings, type Effect } from "./dialogue.ts";
import type { Outcome } from "./outcome.ts";

/** An outcome in one line: `permanent message content-refused 5.7.1 finalDot`, with `in doubt` for a possible duplicate. */
function told(outcome: Outcome): string {
  if (outcome.kind === "delivered") return "delivered";
  const doubt = outcome.kind === "transient" && outcome.isPossibleDuplicate ? " in doubt" : "";
  return `${outcome.kind} ${outcome.scope} ${outcome.cause} ${outcome.status} ${outcome.phase}${doubt}`;
}

const CREDENTIALS = { username: "user", password: "secret" };

interface World {
  readonly isPipelined: boolean;
  readonly recipients: number;
  readonly isTls: boolean;
}

const WORLDS: readonly World[] = [true, false].flatMap((isPipelined) =>
  [1, 3].flatMap((recipients) => [true, false].map((isTls) => ({ isPipelined, recipients, isTls }))),
);

const name = (w: World): string =>
  `${w.isPipelined ? "pipelined" : "one by one"}, ${w.recipients} recipients, ${w.isTls ? "TLS" : "clear"}`;

function playIn(world: World, script: Script, more: Parameters<typeof play>[1] = {}): Course {
  const keywords = `${world.isPipelined ? "250-PIPELINING\r\n" : ""}250-SIZE 100000\r\n250 ENHANCEDSTATUSCODES\r\n`;
  const settings = { tls: world.isTls ? "required" : "none", ...more.settings } as const;
  const EHLO1 = world.isTls ? `250-mx.test\r\n250-STARTTLS\r\n${keywords}` : `250-mx.test\r\n${keywords}`;
  const transactions = more.transactions ?? [transaction(world.recipients)];
  return play({ EHLO1, EHLO: `250-mx.test\r\n${keywords}`, ...script }, { ...more, settings, transactions });
}

/** What every command gets that a broken server may answer with; the same at every place. */
const MALFORMED: readonly [string, string | Answer][] = [
  ["1yz", "150 hm\r\n"],
  ["000", "000 x\r\n"],
  ["600", "600 x\r\n"],
  ["850", "850 x\r\n"],
  ["two digits", "25\r\n"],
  ["four digits", "2500 ok\r\n"],
  ["letters", "abc\r\n"],
  ["a leading space", " 250 ok\r\n"],
  ["two codes in one reply", "250-ok\r\n550 no\r\n"],
  ["lines without an end", { says: "250-x\r\n".repeat(6000), after: "silence" }],
  ["HTTP", "HTTP/1.1 400 Bad Request\r\n"],
];

const all = (course: Course): string[] => course.outcomes.flat().map(told);

describe.each(WORLDS.map((w) => [name(w), w] as const))("%s", (_, world) => {
  const every = (outcome: string): string[] => Array.from({ length: world.recipients }, () => outcome);

  test("a delivery", () => {
    const course = playIn(world, {});
    expect(all(course)).toEqual(every("delivered"));
    expect(course.connections).toEqual(["reusable"]);
    expect(course.heard.at(-1)).toBe("QUIT");
    expect(course.effects.some((e) => e.kind === "send" && e.isSecret)).toBe(false);
  });

  test("commands go in one piece exactly where PIPELINING is offered", () => {
    const sends = playIn(world, {})
      .effects.filter((e) => e.kind === "send")
      .map((e) => e.text);
    const mail = sends.filter((text) => text.includes("MAIL"));
    expect(mail[0]!.split("\r\n").length - 1).toBe(world.isPipelined ? world.recipients + 2 : 1);
    expect(sends.at(-1)).toBe("QUIT\r\n");
  });

  test.each<[string, Script, string, "reusable" | "close"]>([
    ["MAIL 4yz", { MAIL: "451 4.3.0 later\r\n" }, "transient message mail-refused 4.3.0 mail", "reusable"],
    ["MAIL 5yz", { MAIL: "550 5.7.1 no\r\n" }, "permanent message mail-refused 5.7.1 mail", "reusable"],
    ["MAIL 550 without a status", { MAIL: "550 no\r\n" }, "permanent message mail-refused 5.0.0 mail", "reusable"],
    ["MAIL 421", { MAIL: "421 4.3.2 going\r\n" }, "transient session service-closing 4.3.2 mail", "close"],
    [
      "MAIL 421 and gone",
      { MAIL: { says: "421 bye\r\n", after: "close" } },
      "transient session service-closing 4.3.2 mail",
      "close",
    ],
    ["MAIL 530", { MAIL: "530 5.7.0 log in\r\n" }, "transient site auth-required 4.7.0 mail", "reusable"],
    ["MAIL 535", { MAIL: "535 5.7.139 basic off\r\n" }, "transient site auth-required 4.7.139 mail", "reusable"],
    ["MAIL 3yz", { MAIL: "354 go\r\n" }, "transient session protocol-error 4.5.0 mail", "close"],
    ["MAIL close", { MAIL: CLOSE }, "transient session connection-lost 4.4.2 mail", "close"],
    ["MAIL silence", { MAIL: SILENCE }, "transient session timed-out 4.4.2 mail", "close"],
    [
      "MAIL half a reply",
      { MAIL: { says: "250 o", after: "close" } },
      "transient session connection-lost 4.4.2 mail",
      "close",
    ],
    ["RCPT 4yz", { RCPT: "450 4.2.1 grey\r\n" }, "transient recipient rcpt-refused 4.2.1 rcpt", "reusable"],
    ["RCPT 5yz", { RCPT: "550 5.1.1 who\r\n" }, "permanent recipient rcpt-refused 5.1.1 rcpt", "reusable"],
    [
      "RCPT 452, none before it",
      { RCPT: "452 4.5.3 many\r\n" },
      "transient recipient rcpt-refused 4.5.3 rcpt",
      "reusable",
    ],
    ["RCPT 530", { RCPT: "530 5.7.0 log in\r\n" }, "transient site auth-required 4.7.0 rcpt", "reusable"],
    ["RCPT 3yz", { RCPT1: "354 go\r\n" }, "transient session protocol-error 4.5.0 rcpt", "close"],
    ["RCPT 421", { RCPT1: "421 going\r\n" }, "transient session service-closing 4.3.2 rcpt", "close"],
    ["RCPT close", { RCPT1: CLOSE }, "transient session connection-lost 4.4.2 rcpt", "close"],
    ["DATA 4yz", { DATA: "451 4.3.0 later\r\n" }, "transient message data-refused 4.3.0 data", "reusable"],
    ["DATA 5yz", { DATA: "554 5.7.1 no\r\n" }, "permanent message data-refused 5.7.1 data", "reusable"],
    ["DATA 250", { DATA: "250 ok\r\n" }, "transient session protocol-error 4.5.0 data", "close"],
    ["DATA 220", { DATA: "220 ok\r\n" }, "transient session protocol-error 4.5.0 data", "close"],
    ["DATA 334", { DATA: "334 ok\r\n" }, "transient session protocol-error 4.5.0 data", "close"],
    ["DATA 421", { DATA: "421 going\r\n" }, "transient session service-closing 4.3.2 data", "close"],
    ["DATA close", { DATA: CLOSE }, "transient session connection-lost 4.4.2 data", "close"],
    ["DATA silence", { DATA: SILENCE }, "transient session timed-out 4.4.2 data", "close"],
    ["dot 4yz", { DOT: "451 4.3.0 later\r\n" }, "transient message content-refused 4.3.0 finalDot", "reusable"],
    ["dot 5yz", { DOT: "554 5.6.0 spam\r\n" }, "permanent message content-refused 5.6.0 finalDot", "reusable"],
    ["dot 552", { DOT: "552 5.3.4 big\r\n" }, "permanent message content-refused 5.3.4 finalDot", "reusable"],
    ["dot 530", { DOT: "530 log in\r\n" }, "transient site auth-required 4.7.0 finalDot", "reusable"],
    ["dot 421", { DOT: "421 going\r\n" }, "transient session service-closing 4.3.2 finalDot in doubt", "close"],
    ["dot 3yz", { DOT: "354 more\r\n" }, "transient session protocol-error 4.5.0 finalDot in doubt", "close"],
    ["dot close", { DOT: CLOSE }, "transient session connection-lost 4.4.2 finalDot in doubt", "close"],
    ["dot silence", { DOT: SILENCE }, "transient session timed-out 4.4.2 finalDot in doubt", "close"],
    [
      "dot half a reply",
      { DOT: { says: "250 ok", after: "close" } },
      "transient session connection-lost 4.4.2 finalDot in doubt",
      "close",
    ],
    [
      "dot first line only",
      { DOT: { says: "250-ok\r\n", after: "close" } },
      "transient session connection-lost 4.4.2 finalDot in doubt",
      "close",
    ],
    [
      "550 with a status of success",
      { DOT: "550 2.1.5 ok\r\n" },
      "permanent message content-refused 5.0.0 finalDot",
      "reusable",
    ],
  ])("%s", (_, script, outcome, connection) => {
    const course = playIn(world, script);
    expect(all(course)).toEqual(every(outcome));
    expect(course.connections).toEqual([connection]);
    expect(course.isClosed).toBe(true);
    if (!Object.keys(script).includes("DOT")) expect(course.heard).not.toContain("<content>");
  });

  test.each([
    ["250 without text", "250\r\n"],
    ["250 with a status of failure", "250 5.0.0 ok\r\n"],
    ["251", "251 2.1.5 forwards\r\n"],
    ["blank lines before it", "\r\n\r\n250 ok\r\n"],
    ["a line that ends with LF alone", "250 ok\n"],
    ["a line of 100 KB", `250 ${"x".repeat(100_000)}\r\n`],
    ["many lines", `${"250-x\r\n".repeat(4000)}250 ok\r\n`],
    ["control characters", "250 \u001b[2J\u202e\0<script>\r\n"],
  ])("a success: %s", (_, says) => {
    const course = playIn(world, { MAIL: says, RCPT: says, DOT: says });
    expect(all(course)).toEqual(every("delivered"));
  });

  describe.each(MALFORMED)("no success: %s", (_, says) => {
    test.each(["MAIL", "RCPT1", "DATA", "DOT"])("at %s", (turn) => {
      const phase = { MAIL: "mail", RCPT1: "rcpt", DATA: "data", DOT: "finalDot in doubt" }[turn]!;
      const course = playIn(world, { [turn]: says });
      expect(all(course)).toEqual(every(`transient session protocol-error 4.5.0 ${phase}`));
      expect(course.connections).toEqual(["close"]);
    });

    test.each(["CONNECT", "EHLO"])("at %s", (turn) => {
      const course = playIn({ ...world, isTls: false }, { [turn]: says, EHLO1: says });
      expect(told(course.failed!)).toMatch(/^transient session protocol-error 4\.5\.0 (greeting|ehlo)$/);
      expect(course.isClosed).toBe(true);
    });
  });

  test("a surplus reply after the dot: delivered, and the connection is not used again", () => {
    const course = playIn(world, { DOT: "250 ok\r\n250 ok\r\n" }, { transactions: [transaction(1), transaction(1)] });
    expect(all(course)).toEqual(["delivered"]);
    expect(course.connections).toEqual(["close"]);
    expect(course.heard.filter((line) => line.startsWith("MAIL")).length).toBe(1);
  });

  test("421 right after the 250 to the dot: delivered", () => {
    const course = playIn(world, { DOT: "250 ok\r\n421 bye\r\n" });
    expect(all(course)).toEqual(every("delivered"));
    expect(course.connections).toEqual(["close"]);
  });

  test("a refusal that comes with the 354 counts, and no content goes out", () => {
    const course = playIn(world, { DATA: "354 go\r\n552 5.3.4 too big\r\n" });
    expect(all(course)).toEqual(every("permanent message content-refused 5.3.4 block"));
    expect(course.heard).not.toContain("<content>");
  });

  test("a surplus reply to RCPT never makes another reply mean success", () => {
    const course = playIn(world, { RCPT1: "250 ok\r\n250 ok\r\n" });
    expect(all(course)).not.toContain("delivered");
    expect(course.connections).toEqual(["close"]);
  });

  test("an answer to the dot that comes with the 354 is none", () => {
    const course = playIn(world, { DATA: "354 go\r\n250 queued\r\n" });
    expect(all(course)).toEqual(every("transient session protocol-error 4.5.0 block"));
    expect(course.heard).not.toContain("<content>");
  });

  test("several messages on one session, with RSET where the one before stayed open", () => {
    const course = playIn(
      world,
      { DATA1: "451 4.3.0 later\r\n", DOT1: "554 5.6.0 no\r\n" },
      { transactions: [transaction(1), transaction(2), transaction(1)] },
    );
    expect(all(course)).toEqual([
      "transient message data-refused 4.3.0 data",
      "permanent message content-refused 5.6.0 finalDot",
      "permanent message content-refused 5.6.0 finalDot",
      "delivered",
    ]);
    const verbs = course.heard.map((line) => line.split(" ")[0]);
    expect(verbs.filter((verb) => verb === "RSET").length).toBe(1);
    expect(verbs.indexOf("RSET")).toBe(verbs.indexOf("DATA") + 1);
  });

  test.each<[string, string | Answer, string]>([
    ["refused", "500 what\r\n", "transient session protocol-error 4.5.0 rset"],
    ["421", "421 bye\r\n", "transient session service-closing 4.3.2 rset"],
    ["lost", CLOSE, "transient session connection-lost 4.4.2 rset"],
  ])("RSET %s ends the session", (_, says, outcome) => {
    const course = playIn(
      world,
      { RCPT1: "550 5.1.1 who\r\n", RCPT2: "550 5.1.1 who\r\n", RSET: says },
      { transactions: [transaction(1), transaction(1)] },
    );
    expect(all(course)).toEqual(["permanent recipient rcpt-refused 5.1.1 rcpt", outcome]);
  });

  test("the cut of the replies does not matter", () => {
    const answers = fc.constantFrom(
      "250 ok\r\n",
      "450 4.2.0 x\r\n",
      "550-5.1.1 a\r\n550 5.1.1 b\r\n",
      "421 x\r\n",
      "\r\n354 é\r\n",
      "abc\r\n",
    );
    const script = fc.record(
      { MAIL: answers, RCPT1: answers, RCPT2: answers, DATA: answers, DOT: answers },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(script, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }), (script, cut) => {
        const whole = playIn(world, script);
        expect(playIn(world, script, { cut }).effects).toEqual(whole.effects);
        expect(playIn(world, script, { cut: [1] }).effects).toEqual(whole.effects);
      }),
      { numRuns: 30 },
    );
  });
});

describe.each([true, false])("recipients apart, pipelined: %s", (isPipelined) => {
  const world: World = { isPipelined, recipients: 5, isTls: false };

  test("250, 450, 550, 452, 250 each have their own outcome", () => {
    const course = playIn(world, {
      RCPT2: "450 4.2.1 grey\r\n",
      RCPT3: "550 5.1.1 who\r\n",
      RCPT4: "452 4.5.3 too many\r\n",
    });
    expect(all(course)).toEqual([
      "delivered",
      "transient recipient rcpt-refused 4.2.1 rcpt",
      "permanent recipient rcpt-refused 5.1.1 rcpt",
      "transient recipient too-many-recipients 4.5.3 rcpt",
      "delivered",
    ]);
  });

  test.each([
    ["452 too many\r\n", "transient recipient too-many-recipients 4.5.3 rcpt"],
    ["552 5.5.3 too many\r\n", "transient recipient too-many-recipients 4.5.3 rcpt"],
    ["550 5.5.3 Too many recipients\r\n", "transient recipient too-many-recipients 4.5.3 rcpt"],
    ["552 Too many recipients\r\n", "transient recipient too-many-recipients 4.5.3 rcpt"],
    ["452 4.2.2 full\r\n", "transient recipient rcpt-refused 4.2.2 rcpt"],
    ["452 4.3.1 disk\r\n", "transient recipient rcpt-refused 4.3.1 rcpt"],
    ["552 5.2.2 full\r\n", "permanent recipient rcpt-refused 5.2.2 rcpt"],
  ])("the second of two gets %j", (says, outcome) => {
    expect(all(playIn({ ...world, recipients: 2 }, { RCPT2: says }))).toEqual(["delivered", outcome]);
  });

  test("the session's end does not undo what was said of a recipient", () => {
    const course = playIn({ ...world, recipients: 3 }, { RCPT2: "550 5.1.1 who\r\n", DOT: CLOSE });
    expect(all(course)).toEqual([
      "transient session connection-lost 4.4.2 finalDot in doubt",
      "permanent recipient rcpt-refused 5.1.1 rcpt",
      "transient session connection-lost 4.4.2 finalDot in doubt",
    ]);
  });

  test("354 without a recipient: no content, no dot, no further use", () => {
    const course = playIn({ ...world, recipients: 2 }, { RCPT: "550 5.1.1 who\r\n", DATA: "354 go\r\n" });
    expect(all(course)).toEqual(Array.from({ length: 2 }, () => "permanent recipient rcpt-refused 5.1.1 rcpt"));
    expect(course.heard).not.toContain("<content>");
    expect(course.connections).toEqual([isPipelined ? "close" : "reusable"]);
  });

  test("354 after a refused MAIL whose recipients were accepted: no content", () => {
    const course = playIn(
      { ...world, recipients: 1 },
      { MAIL: "550 5.7.1 no\r\n", RCPT: "250 ok\r\n", DATA: "354 go\r\n" },
    );
    expect(all(course)).toEqual(["permanent message mail-refused 5.7.1 mail"]);
    expect(course.heard).not.toContain("<content>");
  });

  test("another reply than ours to a null reverse-path stays a reply to the message", () => {
    const course = playIn(
      world,
      { MAIL: "501 5.1.7 null\r\n" },
      { transactions: [transaction(1, { reversePath: "" })] },
    );
    expect(course.heard.find((line) => line.startsWith("MAIL"))).toBe("MAIL FROM:<> SIZE=1000");
    expect(all(course)).toEqual(["permanent message mail-refused 5.1.7 mail"]);
  });
});

describe("the start of a session", () => {
  test.each<[string, Script, string]>([
    ["421", { CONNECT: "421 busy\r\n" }, "transient session service-closing 4.3.2 greeting"],
    ["450", { CONNECT: "450 4.7.1 later\r\n" }, "transient session greeting-refused 4.7.1 greeting"],
    ["521", { CONNECT: "521 no mail here\r\n" }, "transient site greeting-refused 4.3.0 greeting"],
    ["554", { CONNECT: "554 5.7.1 blocked\r\n" }, "transient site greeting-refused 4.7.1 greeting"],
    ["SSH", { CONNECT: "SSH-2.0-x\r\n" }, "transient session protocol-error 4.5.0 greeting"],
    ["250", { CONNECT: "250 hello\r\n" }, "transient session protocol-error 4.5.0 greeting"],
    ["close", { CONNECT: CLOSE }, "transient session connection-lost 4.4.2 greeting"],
    ["silence", { CONNECT: SILENCE }, "transient session timed-out 4.4.2 greeting"],
    ["EHLO 4yz", { EHLO: "451 later\r\n" }, "transient session ehlo-refused 4.5.0 ehlo"],
    ["EHLO 421", { EHLO: "421 bye\r\n" }, "transient session service-closing 4.3.2 ehlo"],
    ["EHLO 220", { EHLO: "220 hm\r\n" }, "transient session protocol-error 4.5.0 ehlo"],
    ["EHLO and HELO 5yz", { EHLO: "550 no\r\n", HELO: "550 5.7.1 no\r\n" }, "transient site ehlo-refused 4.7.1 ehlo"],
    [
      "EHLO 5yz and gone",
      { EHLO: { says: "554 5.7.1 no\r\n", after: "close" } },
      "transient site ehlo-refused 4.7.1 ehlo",
    ],
    ["HELO 4yz", { EHLO: "500 what\r\n", HELO: "450 later\r\n" }, "transient session ehlo-refused 4.5.0 ehlo"],
    [
      "two greetings",
      { CONNECT: "220 hi\r\n", EHLO: "250 a\r\n250 b\r\n" },
      "transient session protocol-error 4.5.0 idle",
    ],
    ["two greetings", { CONNECT: "220 hi\r\n220 hi\r\n" }, "transient session protocol-error 4.5.0 ehlo"],
    ["an answer and a half", { EHLO: "250 a\r\n25" }, "transient session protocol-error 4.5.0 idle"],
    ["421 with the EHLO", { EHLO: "250 a\r\n421 bye\r\n" }, "transient session service-closing 4.3.2 idle"],
  ])("%s fails it", (_, script, outcome) => {
    const course = play(script);
    expect(told(course.failed!)).toBe(outcome);
    expect(course.effects.at(-1)).toEqual({ kind: "close" });
    expect(course.heard.some((line) => line.startsWith("MAIL"))).toBe(false);
  });

  test.each<[string, Script, Partial<DialogueSettings>]>([
    ["in clear", { EHLO: "250-US.test at your service\r\n250 PIPELINING\r\n" }, {}],
    ["without EHLO", { EHLO: "500 what\r\n", HELO: "250 us.test\r\n" }, {}],
    ["before TLS", { EHLO: "250-us.test\r\n250 STARTTLS\r\n" }, { tls: "required" }],
    [
      "behind TLS only, where a login would follow",
      { EHLO1: "250-mx.test\r\n250 STARTTLS\r\n", EHLO2: "250-us.test\r\n250 AUTH PLAIN\r\n" },
      { tls: "required", credentials: CREDENTIALS },
    ],
  ])("a server of our own name fails it, %s: the mail waits", (_, script, settings) => {
    const course = play(script, { settings: { ownName: "us.test", ...settings } });
    expect(told(course.failed!)).toBe("transient site ourselves 4.3.5 ehlo");
    expect(course.heard.at(-1)).toBe("QUIT");
    expect(course.heard.some((line) => line.startsWith("MAIL") || line.startsWith("AUTH"))).toBe(false);
  });

  test.each([
    ["a name that begins like ours", "250 us.test.example\r\n", "us.test"],
    ["our name further on", "250 mx.test hello us.test\r\n", "us.test"],
    ["no name", "250\r\n", "us.test"],
    ["our name, to a client that is no relay", "250 us.test\r\n", undefined],
  ])("%s does not", (_, EHLO, ownName) => {
    expect(all(play({ EHLO }, { settings: { ownName } }))).toEqual(["delivered"]);
  });

  test.each([
    ["no text", "220\r\n"],
    ["several lines", "220-mx\r\n220-hello\r\n220 go\r\n"],
    ["1 MiB", `220 ${"x".repeat(1024 * 1024)}\r\n`],
    ["LF alone", "220 hi\n"],
  ])("a greeting with %s is one", (_, says) => {
    expect(all(play({ CONNECT: says }))).toEqual(["delivered"]);
  });

  test.each(["500 what\r\n", "502 5.5.1 no\r\n", "554 no\r\n"])(
    "EHLO %j falls back to HELO, without features",
    (says) => {
      const course = play({ EHLO: says });
      expect(course.heard.slice(0, 2)).toEqual(["EHLO us.test", "HELO us.test"]);
      expect(all(course)).toEqual(["delivered"]);
    },
  );

  test("a refused session is left with QUIT", () => {
    const course = play({ CONNECT: "554 no\r\n" });
    expect(course.effects.map((e) => (e.kind === "send" ? e.text : e.kind))).toEqual(["failed", "QUIT\r\n", "close"]);
  });
});

describe("STARTTLS", () => {
  const offered = "250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n";
  const opportunistic = { settings: { tls: "opportunistic" } } as const;
  const required = { settings: { tls: "required" } } as const;
  const withLogin = { settings: { tls: "opportunistic", credentials: CREDENTIALS } } as const;

  test("EHLO again, and what was offered in clear is forgotten", () => {
    const course = play({ EHLO1: "250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n" }, required);
    expect(course.heard.slice(0, 4)).toEqual([
      "EHLO us.test",
      "STARTTLS",
      "EHLO us.test",
      "MAIL FROM:<s@example.test>",
    ]);
    expect(course.effects.filter((e) => e.kind === "ready")).toMatchObject([{ features: { pipelining: false } }]);
    expect(course.effects.filter((e) => e.kind === "send" && e.text.includes("DATA"))).toHaveLength(1);
  });

  test.each([
    ["a whole reply", "220 go\r\n250-AUTH PLAIN\r\n250 evil\r\n"],
    ["the start of one", "220 go\r\n2"],
    ["an empty line", "220 go\r\n\r\n"],
    ["nonsense", "220 go\r\n\0\0"],
  ])("octets in clear after its answer end the session: %s", (_, says) => {
    for (const options of [opportunistic, required, withLogin]) {
      const course = play({ EHLO1: offered, STARTTLS: says }, options);
      expect(told(course.failed!)).toBe("transient site tls-injection 4.7.5 startTls");
      expect(course.effects.some((e) => e.kind === "start-tls")).toBe(false);
      expect(course.heard).toEqual(["EHLO us.test", "STARTTLS"]);
    }
  });

  test("octets in clear that come while the handshake is on end it too", () => {
    const dialogue = new Dialogue({
      ehloName: "us.test",
      tls: "required",
      isSecured: false,
      isOurRelay: false,
    });
    dialogue.receive(utf8("220 hi\r\n"));
    dialogue.receive(utf8(offered));
    expect(dialogue.receive(utf8("220 go\r\n"))).toEqual([{ kind: "start-tls" }]);
    const effects = dialogue.receive(utf8("250 evil\r\n"));
    expect(effects).toMatchObject([{ kind: "failed", outcome: { cause: "tls-injection" } }, { kind: "close" }]);
    expect(dialogue.secured()).toEqual([]);
  });

  test.each<[string, Script, typeof required | typeof withLogin, string]>([
    ["not offered", {}, required, "transient site tls-unavailable 4.7.4 ehlo"],
    ["not offered, with a login", {}, withLogin, "transient site tls-unavailable 4.7.4 ehlo"],
    ["not offered to HELO", { EHLO: "500 what\r\n" }, required, "transient site tls-unavailable 4.7.4 ehlo"],
    [
      "454",
      { EHLO1: offered, STARTTLS: "454 4.7.0 later\r\n" },
      required,
      "transient session tls-unavailable 4.7.0 startTls",
    ],
    [
      "502",
      { EHLO1: offered, STARTTLS: "502 5.5.1 no\r\n" },
      withLogin,
      "transient site tls-unavailable 4.5.1 startTls",
    ],
    ["250", { EHLO1: offered, STARTTLS: "250 ok\r\n" }, withLogin, "transient session protocol-error 4.5.0 startTls"],
    ["close", { EHLO1: offered, STARTTLS: CLOSE }, withLogin, "transient session connection-lost 4.4.2 startTls"],
  ])("%s: nothing goes in clear", (_, script, options, outcome) => {
    const course = play(script, options);
    expect(told(course.failed!)).toBe(outcome);
    expect(course.heard.join("\n")).not.toMatch(/MAIL|AUTH/);
  });

  test.each([["454 later\r\n"], ["502 no\r\n"]])("opportunistic, and refused with %j: in clear", (says) => {
    const course = play({ EHLO1: offered, STARTTLS: says }, opportunistic);
    expect(all(course)).toEqual(["delivered"]);
  });

  test("a failed handshake is about the site", () => {
    const dialogue = new Dialogue({
      ehloName: "us.test",
      tls: "required",
      isSecured: false,
      isOurRelay: false,
    });
    dialogue.receive(utf8(`220 hi\r\n`));
    dialogue.receive(utf8(offered));
    dialogue.receive(utf8("220 go\r\n"));
    expect(dialogue.phase).toBe("startTls");
    expect(dialogue.lost("tls-failed", "self-signed certificate")).toMatchObject([
      { kind: "failed", outcome: { kind: "transient", scope: "site", cause: "tls-failed", status: "4.7.5" } },
      { kind: "close" },
    ]);
  });

  test("not asked for where TLS stands or is not wanted", () => {
    expect(play({ EHLO: offered }, { settings: { tls: "required", isSecured: true } }).heard).not.toContain("STARTTLS");
    expect(play({ EHLO: offered }, { settings: { tls: "none" } }).heard).not.toContain("STARTTLS");
  });
});

describe("AUTH", () => {
  const settings: Partial<DialogueSettings> = { tls: "required", isSecured: true, credentials: CREDENTIALS };
  const PLAIN = "250-mx\r\n250 AUTH PLAIN LOGIN\r\n";
  const LOGIN = "250-mx\r\n250 AUTH LOGIN\r\n";

  test("PLAIN in one line, which is marked as secret", () => {
    const course = play({ EHLO: PLAIN }, { settings });
    expect(course.heard.slice(1, 3)).toEqual(["AUTH PLAIN AHVzZXIAc2VjcmV0", "MAIL FROM:<s@example.test>"]);
    const secrets = course.effects.filter((e) => e.kind === "send" && e.isSecret);
    expect(secrets).toMatchObject([{ text: "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n", phase: "auth" }]);
  });

  test("LOGIN where there is nothing better", () => {
    const script = {
      EHLO: LOGIN,
      AUTH: "334 VXNlcm5hbWU6\r\n",
      "dXNlcg==": "334 \0garbage\r\n",
      c2VjcmV0: "235 ok\r\n",
    };
    const course = play(script, { settings });
    expect(course.heard.slice(1, 4)).toEqual(["AUTH LOGIN", "dXNlcg==", "c2VjcmV0"]);
    expect(course.effects.filter((e) => e.kind === "send" && e.isSecret)).toHaveLength(3);
    expect(all(course)).toEqual(["delivered"]);
  });

  test.each<[string, Script, string]>([
    ["535", { EHLO: PLAIN, AUTH: "535 5.7.8 wrong\r\n" }, "transient site auth-refused 4.7.8 auth"],
    ["535 from Microsoft", { EHLO: PLAIN, AUTH: "535 5.7.139 off\r\n" }, "transient site auth-refused 4.7.139 auth"],
    ["530", { EHLO: PLAIN, AUTH: "530 no\r\n" }, "transient site auth-refused 4.7.8 auth"],
    ["454", { EHLO: PLAIN, AUTH: "454 4.7.0 later\r\n" }, "transient session auth-refused 4.7.0 auth"],
    ["421", { EHLO: PLAIN, AUTH: "421 bye\r\n" }, "transient session service-closing 4.3.2 auth"],
    ["250", { EHLO: PLAIN, AUTH: "250 ok\r\n" }, "transient session protocol-error 4.5.0 auth"],
    [
      "endless 334",
      { EHLO: PLAIN, AUTH: "334 \r\n", AHVzZXIAc2VjcmV0: "334 \r\n" },
      "transient site auth-refused 4.7.8 auth",
    ],
    [
      "LOGIN without an end",
      { EHLO: LOGIN, AUTH: "334 x\r\n", "dXNlcg==": "334 x\r\n", c2VjcmV0: "334 x\r\n" },
      "transient site auth-refused 4.7.8 auth",
    ],
    ["only XOAUTH2", { EHLO: "250-mx\r\n250 AUTH XOAUTH2\r\n" }, "transient site auth-unavailable 4.7.4 ehlo"],
    ["not offered", {}, "transient site auth-unavailable 4.7.4 ehlo"],
    ["silence", { EHLO: PLAIN, AUTH: SILENCE }, "transient session timed-out 4.4.2 auth"],
  ])("%s: the site waits, no mail is refused", (_, script, outcome) => {
    const course = play(script, { settings });
    expect(told(course.failed!)).toBe(outcome);
    expect(course.heard.some((line) => line.startsWith("MAIL"))).toBe(false);
    expect(course.heard.length).toBeLessThanOrEqual(8);
  });

  test("an offer made before TLS only is not used", () => {
    const course = play(
      { EHLO1: "250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n" },
      { settings: { ...settings, isSecured: false } },
    );
    expect(told(course.failed!)).toBe("transient site auth-unavailable 4.7.4 ehlo");
    expect(course.heard.join("\n")).not.toContain("AUTH");
  });

  test("never in clear, whatever the settings say", () => {
    const course = play({ EHLO: PLAIN }, { settings: { tls: "none", credentials: CREDENTIALS } });
    expect(told(course.failed!)).toBe("transient site tls-unavailable 4.7.4 ehlo");
    expect(course.heard).toEqual(["EHLO us.test", "QUIT"]);
  });
});

describe("what the server offers", () => {
  const ALL = "250-mx\r\n250-SIZE 5000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 PIPELINING\r\n";
  const demanding = transaction(1, {
    isEightBit: true,
    needsSmtpUtf8: true,
    ret: "hdrs",
    envelopeId: "QQ314",
    recipients: [
      { forwardPath: "ü@example.test", notify: ["success", "delay"], originalRecipient: "rfc822;u@x.test" },
      { forwardPath: "b@example.test", notify: "never" },
    ],
  });

  test("is used", () => {
    expect(play({ EHLO: ALL }, { transactions: [demanding] }).heard.slice(1, 4)).toEqual([
      "MAIL FROM:<s@example.test> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314",
      "RCPT TO:<ü@example.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;u@x.test",
      "RCPT TO:<b@example.test> NOTIFY=NEVER",
    ]);
  });

  test("and nothing else is", () => {
    const plain = { ...demanding, isEightBit: false, needsSmtpUtf8: false };
    expect(play({}, { transactions: [plain] }).heard.slice(1, 3)).toEqual([
      "MAIL FROM:<s@example.test>",
      "RCPT TO:<ü@example.test>",
    ]);
  });

  test.each([
    ["250-mx\r\n250 SIZE 999\r\n", {}, "permanent message too-big 5.3.4 mail"],
    ["250-mx\r\n250 SIZE 1000\r\n", {}, "delivered"],
    ["250-mx\r\n250 SIZE 0\r\n", {}, "delivered"],
    ["250-mx\r\n250 SIZE abc\r\n", {}, "delivered"],
    ["250 mx\r\n", { isEightBit: true }, "permanent message needs-8bitmime 5.6.3 mail"],
    ["250-mx\r\n250 8BITMIME\r\n", { needsSmtpUtf8: true }, "permanent message header-needs-smtputf8 5.6.9 mail"],
    [
      "250-mx\r\n250 8BITMIME\r\n",
      { needsSmtpUtf8: true, reversePath: "ü@example.test" },
      "permanent message needs-smtputf8 5.6.7 mail",
    ],
  ])("%j with %j: %s", (EHLO, needs, outcome) => {
    const course = play({ EHLO }, { transactions: [transaction(1, needs), transaction(1, { octets: 1 })] });
    expect(all(course)).toEqual([outcome, "delivered"]);
    expect(course.heard.filter((line) => line.startsWith("MAIL")).length).toBe(outcome === "delivered" ? 2 : 1);
  });

  test("a line end in an address is a bug of ours and never a command", () => {
    const smuggling = transaction(1, { reversePath: "a@x.test>\r\nRCPT TO:<b@x.test" });
    expect(() => play({}, { transactions: [smuggling] })).toThrow("invariant");
  });
});

/** A session that is ready, with a transaction's commands sent in one piece. */
function inTransaction(): Dialogue {
  const dialogue = new Dialogue({
    ehloName: "us.test",
    tls: "none",
    isSecured: false,
    isOurRelay: false,
  });
  dialogue.receive(utf8("220 hi\r\n"));
  dialogue.receive(utf8("250-mx\r\n250 PIPELINING\r\n"));
  dialogue.transact(transaction(1));
  return dialogue;
}

/** The same, with its 354 given. */
function atContent(): Dialogue {
  const dialogue = inTransaction();
  expect(dialogue.receive(utf8("250 ok\r\n250 ok\r\n354 go\r\n"))).toEqual([{ kind: "send-content" }]);
  return dialogue;
}

const ended = (effects: readonly Effect[]): string[] =>
  effects.flatMap((e) => (e.kind === "done" ? [...e.outcomes.map(told), e.connection] : [e.kind]));

test("a refusal behind the 354 counts wherever it is cut; what else stands there is out of turn", () => {
  for (const [rest, expected] of [
    ["552 5.3.4 too big\r\n", "permanent message content-refused 5.3.4 block"],
    ["250 queued\r\n", "transient session protocol-error 4.5.0 block"],
    ["hello\r\n", "transient session protocol-error 4.5.0 block"],
  ] as const) {
    for (let at = 1; at < rest.length; at++) {
      const dialogue = inTransaction();
      expect(dialogue.receive(utf8(`250 ok\r\n250 ok\r\n354 go\r\n${rest.slice(0, at)}`))).toEqual([]);
      expect(ended(dialogue.receive(utf8(rest.slice(at))))).toEqual([expected, "close", "close"]);
    }
  }
});

describe("while content goes out", () => {
  test("a refusal counts and the rest is not sent", () => {
    const dialogue = atContent();
    expect(dialogue.phase).toBe("block");
    expect(ended(dialogue.receive(utf8("552 5.3.4 too big\r\n")))).toEqual([
      "permanent message content-refused 5.3.4 block",
      "close",
      "close",
    ]);
    expect(dialogue.lost("connection-lost", "EPIPE")).toEqual([]);
  });

  test("a success is none", () => {
    expect(ended(atContent().receive(utf8("250 queued\r\n")))[0]).toBe("transient session protocol-error 4.5.0 block");
  });

  test("a loss is no possible duplicate", () => {
    expect(ended(atContent().lost("connection-lost", "ECONNRESET"))[0]).toBe(
      "transient session connection-lost 4.4.2 block",
    );
    expect(ended(atContent().timedOut())[0]).toBe("transient session timed-out 4.4.2 block");
    expect(ended(atContent().lost("stopped-here", "shutting down"))[0]).toBe(
      "transient session stopped-here 4.3.0 block",
    );
  });

  test("after the final dot it is, also where we stop", () => {
    const dialogue = atContent();
    dialogue.contentSent();
    expect(dialogue.phase).toBe("finalDot");
    expect(ended(dialogue.lost("stopped-here", "shutting down"))[0]).toBe(
      "transient session stopped-here 4.3.0 finalDot in doubt",
    );
  });

  test("content that was handed over after the end changes nothing", () => {
    const dialogue = atContent();
    dialogue.receive(utf8("554 no\r\n"));
    dialogue.contentSent();
    expect(dialogue.receive(utf8("250 ok\r\n"))).toEqual([]);
  });
});

describe("between two transactions", () => {
  function idle(): Dialogue {
    const dialogue = new Dialogue({
      ehloName: "us.test",
      tls: "none",
      isSecured: false,
      isOurRelay: false,
    });
    dialogue.receive(utf8("220 hi\r\n"));
    dialogue.receive(utf8("250 mx\r\n"));
    expect(dialogue.isReady).toBe(true);
    return dialogue;
  }

  test.each(["421 idle too long\r\n", "250 ok\r\n", "abc\r\n"])("%j closes, and nobody failed", (says) => {
    const dialogue = idle();
    expect(dialogue.receive(utf8(says))).toEqual([{ kind: "close" }]);
    expect(dialogue.isReady).toBe(false);
  });

  test("a loss or a timeout concerns nobody", () => {
    expect(idle().lost("connection-lost", "ECONNRESET")).toEqual([{ kind: "close" }]);
    expect(idle().timedOut()).toEqual([{ kind: "close" }]);
  });

  test("QUIT waits for its answer, and not for ever", () => {
    const dialogue = idle();
    expect(dialogue.quit()).toMatchObject([{ kind: "send", text: "QUIT\r\n", phase: "quit" }]);
    expect(dialogue.timedOut()).toEqual([{ kind: "close" }]);
    expect(dialogue.receive(utf8("221 bye\r\n"))).toEqual([]);
    expect(dialogue.quit()).toEqual([]);
  });

  test("QUIT before the session is ready closes it", () => {
    const dialogue = new Dialogue({
      ehloName: "us.test",
      tls: "none",
      isSecured: false,
      isOurRelay: false,
    });
    expect(dialogue.quit()).toEqual([{ kind: "close" }]);
  });
});

test("a step is a reply or a command, not a read: a trickle does not move the deadline", () => {
  const dialogue = new Dialogue({
    ehloName: "us.test",
    tls: "none",
    isSecured: false,
    isOurRelay: false,
  });
  const before = dialogue.step;
  for (const octet of utf8("220-slow\r\n220 hi")) dialogue.receive(new Uint8Array([octet]));
  expect(dialogue.step).toBe(before);
  dialogue.receive(utf8("\r\n"));
  expect(dialogue.step).not.toBe(before);
});

test("property: whatever comes, there are effects, one end, and each recipient has one outcome", () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .array(
        fc.constantFrom(
          "250 ok\r\n",
          "354 go\r\n",
          "220 x\r\n",
          "550 5.1.1 x\r\n",
          "421 x\r\n",
          "250-a\r\n",
          "334 \r\n",
          "235 x\r\n",
          "2",
          "\r\n",
        ),
        { maxLength: 8 },
      )
      .map((parts) => utf8(parts.join(""))),
  );
  const tls = fc.constantFrom("none", "opportunistic", "required");
  fc.assert(
    fc.property(
      fc.array(noise, { maxLength: 20 }),
      tls,
      fc.boolean(),
      fc.boolean(),
      (pieces, tls, isSecured, isKnown) => {
        const credentials = isKnown ? CREDENTIALS : undefined;
        const dialogue = new Dialogue({ ehloName: "us.test", tls, isSecured, credentials, isOurRelay: isKnown });
        const effects: Effect[] = [];
        let started = 0;
        const run = (more: readonly Effect[]): void => {
          for (const effect of more) {
            effects.push(effect);
            if (effect.kind === "start-tls") run(dialogue.secured());
            if (effect.kind === "send-content") dialogue.contentSent();
            const isFree = effect.kind === "ready" || (effect.kind === "done" && effect.connection === "reusable");
            if (isFree) {
              started++;
              run(dialogue.transact(transaction(3)));
            }
          }
        };
        for (const piece of pieces) run(dialogue.receive(piece));
        run(dialogue.lost("connection-lost", "gone"));
        const done = effects.filter((e) => e.kind === "done");
        expect(done.length).toBe(started);
        for (const { outcomes } of done) expect(outcomes.filter((o) => o !== undefined).length).toBe(3);
        expect(effects.filter((e) => e.kind === "close").length).toBe(1);
        expect(effects.at(-1)).toEqual({ kind: "close" });
        expect(effects.filter((e) => e.kind === "failed").length).toBe(started === 0 ? 1 : 0);
        if (credentials !== undefined && tls === "none" && !isSecured) expect(started).toBe(0);
      },
    ),
    { numRuns: 2000 },
  );
});

test("a password that is a word of the reply hides it from people, not from what it means", () => {
  const credentials = { username: "user", password: "relay" };
  const dialogue = new Dialogue({ ehloName: "us", tls: "none", isSecured: true, credentials, isOurRelay: true });
  const say = (text: string): readonly Effect[] => dialogue.receive(utf8(`${text}\r\n`));
  for (const text of ["220 hi", "250-hi\r\n250 AUTH PLAIN", "235 welcome"]) say(text);
  dialogue.transact(transaction(1));
  say("250 ok");
  const [done] = say("554 5.7.1 relay access denied");
  expect(done).toMatchObject({
    outcomes: [{ kind: "transient", cause: "relay-denied", reply: { lines: ["5.7.1 [redacted] access denied"] } }],
  });
});
