import { readFileSync } from "node:fs";
import path from "node:path";
import { CATALOGUE, rowsOf } from "../../tools/catalogue.ts";
import { transcriptSession } from "../fuzz/material.ts";
import { TREE } from "../support/relay.ts";
import { transcripts } from "../support/transcripts.ts";
import { I, LISTENERS, OPENINGS, PROBES } from "./open-relay-probes.ts";
import * as smuggling from "./smuggling-rows.ts";

// What clients say in the rows of the catalogue, as sessions that the laws are checked on: those that are transcripts, and the others.

export interface RowSession {
  /** Of the catalogue. */
  readonly row: string;
  readonly what: string;
  /** Words of support/listener.ts. */
  readonly listener: string;
  /** An octet is a character; each is sent when the one before is answered, and `""` is the handshake. */
  readonly segments: readonly string[];
}

/** Rows of a client's octets, all or some of them. */
const SECTIONS = ["S-IN", "T-S", "A", "PL", "LEN", "BYTE", "ADR", "REL", "BD"];

/** What these rows are about is no octets of a session. */
const OTHERWISE: Readonly<Record<string, string>> = {
  "S-IN-EXH": "every string there is, with an oracle of its own",
  "T-S-8": "what comes instead of a handshake is TLS's to judge",
  "T-S-9": "a handshake",
  "T-S-11": "records of TLS",
  "T-S-12": "a ticket of TLS",
  "T-S-13": "a name in a handshake",
  "A-18": "how long an answer takes",
  "LEN-9": "memory and the disk, by a thousand sessions",
  "BD-15": "an end of TLS",
};

const BEGUN = ["EHLO client.test\r\n", "MAIL FROM:<a@example.com>\r\n", "RCPT TO:<b@example.net>\r\n"];
const MAIL = [...BEGUN, "DATA\r\n"];
const TRUSTED = ["trusted", "trusted bare_newlines=normalize"];

function fromTranscripts(): readonly RowSession[] {
  const byFile = new Map(transcripts().map(({ name, transcript }) => [`test/transcripts/${name}.txt`, transcript]));
  return catalogueRows().flatMap(({ id, covered }) =>
    [...covered.matchAll(/`(test\/transcripts\/[^`]+\.txt)`/g)].map(([, file]) => ({
      row: id,
      what: file!,
      ...transcriptSession(byFile.get(file!)!),
    })),
  );
}

function catalogueRows(): ReturnType<typeof rowsOf> {
  return rowsOf(readFileSync(path.join(TREE, CATALOGUE), "utf8"));
}

function smuggled(): readonly RowSession[] {
  const content = (row: string, what: string, octets: string): readonly RowSession[] =>
    TRUSTED.flatMap((listener) => [
      { row: `S-IN-${row}`, what: `${what}, by DATA`, listener, segments: [...MAIL, octets, "\r\n.\r\n", "NOOP\r\n"] },
      {
        row: "S-IN-14",
        what: `${what}, in a chunk`,
        listener,
        segments: [...BEGUN, `BDAT ${octets.length} LAST\r\n${octets}`, "NOOP\r\n"],
      },
    ]);
  const { FRAME, SMUGGLED } = smuggling;
  return [
    ...[...smuggling.ROWS, ...smuggling.LITERAL].flatMap(([row, ...sequences]) =>
      sequences.flatMap((text) => content(row, JSON.stringify(text), `${FRAME}${text}${SMUGGLED}`)),
    ),
    ...["\n.\n", ".\n", ".\r", "\n.\r"].flatMap((text) =>
      ["Subject: a\r\n\r\n", ""].flatMap((before) =>
        content("10", JSON.stringify(text), `${before}${text}${SMUGGLED}`),
      ),
    ),
    {
      row: "S-IN-12",
      what: "behind too much",
      listener: "trusted size=20",
      segments: [...MAIL, `more than twenty octets of it\n.\r\n${SMUGGLED}`, "NOOP\r\n"],
    },
    ...content("26", "behind a line that is too long", `${"x".repeat(2000)}\n.\r\n${SMUGGLED}`),
    ...content(
      "13",
      "then BDAT",
      "x\n.\r\nMAIL FROM:<s@example.com>\r\nRCPT TO:<v@example.net>\r\nBDAT 5 LAST\r\nhello",
    ),
    {
      row: "S-IN-27",
      what: "after HELO",
      listener: "trusted",
      segments: ["HELO client.test\r\n", ...MAIL.slice(1), `x\n.\r\n${SMUGGLED}`, "NOOP\r\n"],
    },
    ...content("25", "the true end", "Subject: a\r\n\r\nx\r\n.\r\n"),
    ...["\n\n", "\r\r", "\r\n\n", "\n\r\n"].flatMap((separator) =>
      content("28", JSON.stringify(separator), `Subject: a${separator}Subject: b\r\n\r\nbody`),
    ),
  ];
}

function probes(): readonly RowSession[] {
  const session = (row: number, from: string, to: string, words: string, opening: readonly string[]): RowSession => ({
    row: `REL-${row}`,
    what: `${from} ${to} (${words}) after ${opening.join(", ")}`,
    listener: words,
    segments: [...opening, `MAIL FROM:${from}`, `RCPT TO:${to}`, "DATA", "text", "."].map((line) => `${line}\r\n`),
  });
  const openings = OPENINGS.map(([, ...lines]) => lines);
  const all = PROBES.flatMap(([row, from, to]) =>
    LISTENERS.flatMap(({ words }) => openings.map((opening) => session(row, from, to, words, opening))),
  );
  const given = ["EHLO prober.test", "AUTH LOGIN", "*"];
  const ours = ["EHLO relay.test"];
  return [
    ...all,
    session(20, `<s@${I}>`, "<u@x.test>", "secure auth", given),
    session(21, `<s@${I}>`, "<u@x.test>", "", ours),
    ...["XCLIENT ADDR=127.0.0.1", "XFORWARD ADDR=127.0.0.1", "PROXY UNKNOWN"].map((line) => ({
      row: "REL-API",
      what: line,
      listener: "",
      segments: ["EHLO c\r\n", `${line}\r\n`, ...BEGUN.slice(1)],
    })),
  ];
}

/** What ends a transaction, and what is said between that and the next command. */
function endings(): readonly RowSession[] {
  const ends: readonly (readonly [listener: string, ...segments: string[]])[] = [
    ["trusted", "DATA\r\n", "a\nb\r\n.\r\n"],
    ["trusted size=30", "DATA\r\n", `${"x".repeat(40)}\r\n.\r\n`],
    ["trusted", "DATA\r\n", `${"x".repeat(999)}\r\n.\r\n`],
    ["trusted", "BDAT 3 LAST\r\na\nb"],
    ["trusted size=30", `BDAT 40\r\n${"x".repeat(40)}`],
    ["trusted", "RSET\r\n"],
  ];
  const between = ["NOOP\r\n", "VRFY \xc3\xbc\r\n", "RSET\r\n", "XYZZY\r\n"];
  const stray = ["RCPT TO:<c@example.net>\r\n", "DATA\r\n", "BDAT 3 LAST\r\nabc"];
  return ends.flatMap(([listener, ...segments]) =>
    between.map((line) => ({
      row: "PL-9",
      what: `${JSON.stringify(segments.at(-1)!.slice(0, 20))}, then ${JSON.stringify(line)}`,
      listener,
      segments: [...BEGUN, ...segments, line, ...stray],
    })),
  );
}

function content(row: string, what: string, octets: string): RowSession {
  return { row, what, listener: "trusted", segments: [...MAIL, octets, "\r\n.\r\n", "NOOP\r\n"] };
}

function deepMime(): string {
  const parts = Array.from(
    { length: 300 },
    (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`,
  );
  return `Subject: deep\r\n${parts.join("")}`;
}

const OTHERS: readonly RowSession[] = [
  {
    row: "T-S-3",
    what: "a transaction behind STARTTLS in one segment",
    listener: "starttls auth trusted",
    segments: ["EHLO c\r\n", "STARTTLS\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<v@x.test>\r\nDATA\r\n", "", "EHLO c\r\n"],
  },
  {
    row: "PL-13",
    what: "a client that is gone before the end of its content",
    listener: "trusted",
    segments: [...MAIL, "Subject: a\r\n\r\nhalf of it"],
  },
  {
    row: "LEN-2",
    what: "a command without an end",
    listener: "trusted",
    segments: ["EHLO c\r\n", ...Array.from({ length: 17 }, () => "x".repeat(65_536))],
  },
  {
    row: "LEN-2",
    what: "an answer to AUTH without an end",
    listener: "secure auth",
    segments: ["EHLO c\r\n", "AUTH PLAIN\r\n", ...Array.from({ length: 17 }, () => "x".repeat(65_536))],
  },
  content("LEN-5", "parts inside parts", deepMime()),
  content("LEN-5", "a header of many lines", `Subject: a\r\n${" folded\r\n".repeat(5000)}\r\nbody`),
  content("BYTE-9", "content of 8 bits", "Subject: a\r\n\r\n\xc3\xbcber\r\n"),
  {
    row: "BYTE-11",
    what: "an international message",
    listener: "trusted",
    segments: [
      BEGUN[0]!,
      "MAIL FROM:<\xc3\xbc@example.com> SMTPUTF8\r\n",
      "RCPT TO:<\xc3\xb6@example.net>\r\n",
      "DATA\r\n",
      "Subject: \xc3\xbc\r\n\r\nx\r\n.\r\n",
    ],
  },
  ...["((((", '"\\"\\"', "<<<<", "a@a@"].map((text) => ({
    row: "ADR-13",
    what: `${text} again and again`,
    listener: "trusted",
    segments: [BEGUN[0]!, `MAIL FROM:<${text.repeat(500)}@example.com>\r\n`, `RCPT TO:<${text.repeat(400)}>\r\n`],
  })),
];

let known: readonly RowSession[] | undefined;

/** All of them. */
export function rowSessions(): readonly RowSession[] {
  return (known ??= [...fromTranscripts(), ...smuggled(), ...probes(), ...endings(), ...OTHERS]);
}

/** Rows of `SECTIONS` that are there and have no session, though nothing says why; and those of which something is said in vain. */
export function rowsWithout(): readonly string[] {
  const having = new Set(rowSessions().map(({ row }) => row));
  const isOurs = (id: string): boolean => SECTIONS.includes(id.slice(0, id.lastIndexOf("-")));
  const rows = catalogueRows().filter(({ id }) => isOurs(id));
  const without = rows.filter(({ id, covered }) => !having.has(id) && !covered.startsWith("waits for: "));
  const idle = Object.keys(OTHERWISE).filter((id) => having.has(id) || !rows.some((row) => row.id === id));
  return [...without.map(({ id }) => id).filter((id) => !Object.hasOwn(OTHERWISE, id)), ...idle];
}
