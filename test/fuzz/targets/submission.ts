import { parseAddressList } from "../../../src/core/submission/address-list.ts";
import { parseArguments } from "../../../src/core/submission/arguments.ts";
import { type ReadLetter, contentOf, readLetter, valuesOf, without } from "../../../src/core/submission/letter.ts";
import { forwardPathOf, reversePathOf, withDomain } from "../../../src/core/submission/local-address.ts";
import {
  headOfRest,
  isSpoolName,
  messageMark,
  readHead,
  reportMark,
  spoolFile,
  spoolName,
} from "../../../src/core/submission/spooled.ts";
import { pathText } from "../../../src/core/mail/path.ts";
import { type Chance, between } from "../../support/chance.ts";
import { chains, transcriptLines } from "../material.ts";
import { type Target, chanceOf, holds, holdsNoHidden, joined, octetsOf, oneOf, same, some, textOf } from "../target.ts";

// What local programs give to sendmail, and what any user may leave in the spool.

const ADDRESSES = [
  "a@b.test",
  "A B <a@b.test>",
  '"a, b" <c@d.test>',
  "a (comment (nested)) @ b . test",
  "group: a@b, c@d;",
  "undisclosed-recipients:;",
  "=?utf-8?Q?a,b?= <c@d>",
  "<@x,@y:a@b>",
  "root",
  '"a b"@c.test',
  "a@[IPv6: ::1]",
  "<a@b",
  "a b",
  "a\\@b",
  "<>",
  "postmaster",
];
const LIST_SIGNS = ["<", ">", ",", ";", ":", "(", ")", '"', "\\", "[", "]", "@", ".", " ", "\r\n ", "=?", "?="];

function aList(chance: Chance): string {
  return some(chance, 5, () => oneOf(chance, ADDRESSES), oneOf(chance, [", ", ";", ",,", " "]));
}

const addressList: Target = {
  name: "address-list",
  files: ["core/submission/address-list.ts"],
  lengthMax: 4000,
  seeds: ADDRESSES,
  tokens: [...ADDRESSES, ...LIST_SIGNS],
  generate: aList,
  check(text) {
    const list = parseAddressList(text);
    if (list.kind === "malformed") {
      holds(list.why.length < 120, "it is said why");
      holds(!/^(?:[a-z]+@[a-z.]+(?:, ?[a-z]+@[a-z.]+)*)?$/.test(text), "a plain list is one", text);
      return;
    }
    holds(list.addresses.join("").length <= text.length, "nothing is made up");
    for (const address of list.addresses) {
      holds(address !== "", "no address is empty");
      const bare = address.replace(/"(?:[^"\\]|\\[^])*"/g, "").replace(/\\[^]/g, "");
      holds(
        !/[( \t\r\n]/.test(bare.replace(/\[[^\]]*\]/g, "").replace(/=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=/g, "")) ||
          /\\|=\?/.test(text),
        "no comment and no white space is left",
        address,
      );
    }
    // What was taken once is taken again, each alone, and is the same.
    for (const address of list.addresses) {
      if (/[\\:,]/.test(address) || address.trim() !== address) continue;
      same(parseAddressList(`<${address}>`), { kind: "addresses", addresses: [address] }, "in brackets it is the same");
    }
    if (/^[a-z@<>, ]*$/.test(text) && !/<[^>]*</.test(text))
      for (const [, inner = ""] of text.matchAll(/<([a-z@]+)>/g))
        holds(list.addresses.includes(inner), "none is lost", inner);
    if (/^[a-z@., ]*$/.test(text))
      same(
        list.addresses.length,
        text.split(",").filter((part) => part.trim() !== "").length,
        "a comma parts addresses",
      );
  },
};

const localAddress: Target = {
  name: "local-address",
  files: ["core/submission/local-address.ts"],
  lengthMax: 1200,
  seeds: [
    ...ADDRESSES,
    "root@localhost",
    "root@LOCALHOST.localdomain",
    '"a@localhost"',
    "a> SIZE=1 <b@c",
    "a@b>x",
    "",
    "<>",
    " ",
  ],
  tokens: [...ADDRESSES, ...LIST_SIGNS, "localhost", "localdomain", "@localhost", "> ", "<"],
  generate: (chance) => `${oneOf(chance, ADDRESSES)}${oneOf(chance, ["", "@localhost", ">", "> x"])}`,
  check(text) {
    const forward = forwardPathOf(text, "here.test");
    if (forward.kind !== "malformed") {
      const shownPath = pathText(forward);
      holdsNoHidden(shownPath, "an address");
      holds(!/@localhost(?:\.localdomain)?$/i.test(shownPath), "no machine is itself to others", shownPath);
      same(forwardPathOf(shownPath, "here.test"), forward, "an address stays as it is");
    }
    const reverse = reversePathOf(text, "here.test");
    if (reverse.kind === "null") same(/^\s*(?:<>)?\s*$/.test(text), true, "the null path is <> or nothing");
    if (reverse.kind === "mailbox") {
      holdsNoHidden(reverse.text, "a sender");
      same(reversePathOf(reverse.text, "here.test"), reverse, "a sender stays as it is");
    }
    const whole = withDomain(text, "here.test");
    holds(whole.includes("@"), "there is a domain", whole);
    if (/^[a-z]+$/.test(text)) same(whole, `${text}@here.test`, "a name alone gets the domain");
    if (/^[a-z]+@[a-z]+\.test$/.test(text)) same(whole, text, "another domain stays");
  },
};

const OPTIONS = [
  "-i",
  "-t",
  "-oi",
  "-f",
  "-fa@b",
  "-F",
  "-bs",
  "-bp",
  "-bm",
  "-q",
  "-q30m",
  "--",
  "-",
  "-N",
  "never",
  "success,delay",
  "-R",
  "hdrs",
  "-V",
  "x",
  "-bd",
  "-I",
  "-O",
  "a@b",
  "-ti",
  "-C",
  "-xyz",
  "-o",
  "-bZ",
];

const argumentsTarget: Target = {
  name: "arguments",
  files: ["core/submission/arguments.ts"],
  lengthMax: 1500,
  seeds: OPTIONS.flatMap((option) => [option, `${option}\n${option}`, `-i\n${option}\na@b`]),
  tokens: [...OPTIONS, "\n", "\n-", "-f\n", ..."ABCDFGILNOQRUVXbcdefhimnopqrstvx".split("")],
  generate: (chance) => some(chance, 6, () => oneOf(chance, OPTIONS), "\n"),
  check(input) {
    const args = input === "" ? [] : input.split("\n");
    const order = parseArguments(args);
    const isUnfinished = args.length === 1 && /^-[ABCDFLNOQRVXfhopr]$/.test(args[0]!);
    if (isUnfinished) same(order.kind, "wrong", "an option has its value");
    if (order.kind === "wrong") {
      holds(order.why !== "" && order.why.length < 200, "it is said why", order.why);
      holdsNoHidden(order.why, "what is said");
      return;
    }
    if (order.kind !== "letter") return;
    const given = new Set(args);
    for (const address of order.addresses) holds(given.has(address), "an address was an argument", address);
    holds(order.addresses.every((address) => !address.startsWith("-")) || given.has("--"), "no option is an address");
    const tail = args.slice(args.length - order.addresses.length);
    same(order.addresses, tail, "addresses are the last arguments");
    for (const value of [order.sender, order.name, order.envelopeId])
      holds(value === undefined || input.includes(value), "a value was given", value);
    if (args.every((arg) => /^[a-z@.]+$/.test(arg))) same(order.addresses, args, "what is no option is an address");
    if (args.length === 2 && args[0] === "-f") same(order.sender, args[1], "-f takes what follows");
  },
};

const LINES = [
  "From: a@b\n",
  "To: c\r\n",
  "Subject: x\r\r\n",
  " folded\n",
  "\tfolded\n",
  "\n",
  "\r\n",
  ".\n",
  "..\n",
  "From x Sat\n",
  "no field\n",
  "a:b\n",
  "x\ry\n",
  "\r",
  "Date: x\n",
  "DKIM-Signature: x\n",
  "Bcc: d\n",
  "\xe4: x\n",
  "last",
  `${"x".repeat(998)}\n`,
  `${"x".repeat(999)}\n`,
];

function letterOf(octets: Uint8Array, endsAtDot: boolean): ReadLetter {
  return readLetter(octets, { endsAtDot });
}

const letter: Target = {
  name: "letter",
  files: ["core/submission/letter.ts"],
  lengthMax: 6000,
  seeds: [...LINES, LINES.slice(0, 8).join(""), "From: a\n\nb\n.\nc\n", "\n\n", "a\0b", ...chains()],
  tokens: [...LINES, "\r\n", "\n", "\r", "\0", ":", ".", "=?", '"', "\\"],
  generate: (chance) => some(chance, 8, () => oneOf(chance, LINES)),
  check(input) {
    const text = textOf(octetsOf(input));
    for (const endsAtDot of [false, true]) {
      const read = letterOf(octetsOf(text), endsAtDot);
      if (read.kind === "malformed") {
        holds(
          text.includes("\0") || /\r[^\n]/.test(text) || /[^\r\n]{999}/.test(text),
          "what is fine is a letter",
          read.why,
        );
        continue;
      }
      checkLetter(text, read, input, endsAtDot);
    }
  },
};

const NAMES = ["a b", 'q"\\', "\u00e4\u{1f600}", "x\r\nBcc: z", "=?x", "", " ", "y".repeat(250)];

function checkLetter(
  text: string,
  { letter: found }: Extract<ReadLetter, { kind: "letter" }>,
  input: string,
  endsAtDot: boolean,
): void {
  const chance = chanceOf(input);
  const name = chance() < 0.3 ? input.slice(0, 300) : oneOf(chance, NAMES);
  const missing = { from: { address: "u@h.test", name }, date: "Sat, 21 Nov 2026 10:00:00 +0000", messageId: "i@h" };
  const content = textOf(contentOf(found, missing));
  holds(!/\r(?!\n)|(?<!\r)\n|\0/.test(content), "a letter has whole line ends", content);
  holds(
    content.split("\r\n").every((line) => line.length <= 998),
    "and lines that mail has",
  );
  holds(content.length <= 2 * text.length + 2000, "and is bounded", content.length);
  if (endsAtDot && !/\r(?!\n)/.test(text))
    holds(!/^\.$/m.test(textOf(found.body).replaceAll("\r\n", "\n")), "a dot alone is the end", content);
  for (const field of found.fields) {
    const lines = textOf(field.octets).split("\r\n");
    holds(/^[!-9;-~]{1,76}[ \t]*:/.test(lines[0]!), "a field has a name", lines[0]);
    holds(lines.slice(1, -1).every((line) => /^[ \t]/.test(line)) && lines.at(-1) === "", "and is one field", lines);
  }
  for (const name of new Set(found.fields.map((field) => field.name)))
    holds(!valuesOf(found, name).some((value) => /[\r\n]/.test(value)), "its value is one line");
  holds(
    without(found, ["bcc"]).fields.every((field) => field.name !== "bcc"),
    "what is taken out is gone",
  );
  const again = letterOf(octetsOf(content), false);
  holds(again.kind === "letter", "what was made is a letter", content);
  const names = (list: readonly { readonly name: string }[]): string[] => list.map((field) => field.name);
  const added = names(again.letter.fields).length - found.fields.length;
  holds(added >= 0 && added <= 3, "no field more than those that were missing", names(again.letter.fields));
  same(names(again.letter.fields).slice(added), names(found.fields), "fields stay");
  same(textOf(again.letter.body), textOf(found.body), "and the body does");
}

const HEAD = "WAYPOST SPOOL 1\r\n";

const spooled: Target = {
  name: "spooled",
  files: ["core/submission/spooled.ts"],
  lengthMax: 4000,
  seeds: [
    `${HEAD}MAIL FROM:<a@b.test> SIZE=3\r\nRCPT TO:<c@d.test>\r\n\r\nabc`,
    `${HEAD}OF 1000\r\nMAIL FROM:<> SIZE=3\r\nRCPT TO:<c@d.test> NOTIFY=NEVER\r\nRCPT TO:<postmaster>\r\n\r\nabc`,
    `${HEAD}MAIL FROM:<\xc3\xa4@b.test> SIZE=3 SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=x\r\nRCPT TO:<c@d.test> ORCPT=rfc822;x\r\n\r\n`,
    `${HEAD}\r\n`,
    HEAD,
    "WAYPOST",
    `${HEAD}MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n\r\n`,
    `${HEAD}MAIL FROM:<a@b.test> SIZE=1\r\n${"RCPT TO:<c@d.test>\r\n".repeat(150)}\r\n`,
    ...transcriptLines().map((line) => `${HEAD}${line}\r\nRCPT TO:<c@d.test>\r\n\r\n`),
  ],
  tokens: [
    HEAD,
    "MAIL FROM:",
    "RCPT TO:",
    "<a@b.test>",
    "<>",
    " SIZE=1",
    " SMTPUTF8",
    "\r\n",
    "\r\n\r\n",
    "OF ",
    "0",
    "\n",
    " RET=FULL",
    " NOTIFY=DELAY",
    "RCPT TO:<c@d.test>\r\n",
  ],
  generate: (chance) =>
    `${HEAD}${oneOf(chance, ["", "OF 1\r\n", "OF 01\r\n"])}MAIL FROM:<a@b.test>${oneOf(chance, [" SIZE=5", "", " SIZE=5 BODY=7BIT"])}\r\n${some(chance, 4, () => "RCPT TO:<c@d.test>\r\n")}\r\nhello`,
  check(input) {
    const octets = octetsOf(input);
    const head = readHead(octets);
    same(readHead(octets.slice()).kind, head.kind, "the same every time");
    if (head.kind !== "head") {
      const text = textOf(octets);
      holds(head.kind === "malformed" || !text.includes("\r\n\r\n"), "with an end it is finished", text);
      return;
    }
    const { commands, recipients, envelope, contentAt } = head;
    same(commands.length, recipients.length + 1, "a command for each recipient");
    holds(recipients.length >= 1 && recipients.length <= 500, "recipients are bounded", recipients.length);
    holds(
      commands.every((command) => /^[^\r\n]*\r\n$/.test(command)),
      "a command is a line",
      commands,
    );
    for (const command of commands) holdsNoHidden(command.slice(0, -2), "a command");
    same(textOf(octets.subarray(contentAt - 4, contentAt)), "\r\n\r\n", "content begins behind an empty line");
    same(textOf(octets).indexOf("\r\n\r\n") + 4, contentAt, "behind the first one");
    checkRest(head);
    const chance = chanceOf(input);
    const file = textOf(
      joined(
        spoolFile(
          {
            reversePath: pathText(envelope.reversePath),
            recipients: recipients.map((recipient) => ({ ...recipient, forwardPath: pathText(recipient.path) })),
            octets: head.octets,
            isEightBit: envelope.body === "8bitmime",
            needsSmtpUtf8: envelope.smtpUtf8,
            ret: envelope.ret,
            envelopeId: envelope.envelopeId,
          },
          new Uint8Array(0),
        ),
      ),
    );
    const again = readHead(octetsOf(file));
    holds(again.kind === "head", "written and read", file);
    same(again.recipients, recipients, "to the same recipients");
    same(pathText(again.envelope.reversePath), pathText(envelope.reversePath), "from the same sender");
    const name = spoolName(between(chance, 0, 2 ** 45), "0123456789abcdef".repeat(2));
    holds(isSpoolName(name) && !isSpoolName(`${name}x`) && !isSpoolName(input), "a name is one", name);
    holds(
      messageMark(name, [1, 2]) !== messageMark(name, []) && reportMark(name, 1).startsWith(name),
      "marks are told apart",
    );
  },
};

function checkRest(head: Extract<ReturnType<typeof readHead>, { kind: "head" }>): void {
  const left = new Set(head.recipients.filter((_, at) => at % 2 === 0));
  const rest = readHead(headOfRest(head, left, 1234));
  holds(rest.kind === "head", "the head of what is left is one", rest);
  same(rest.of, 1234, "it says whose it was");
  same(rest.recipients, [...left], "with those that are left");
}

export const targets: readonly Target[] = [addressList, localAddress, argumentsTarget, letter, spooled];
