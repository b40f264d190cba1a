import { type Chance, between } from "../support/chance.ts";
import { oneOf } from "./target.ts";

// Dialogues that are sent to two servers: each step is one command, or content for who asked for it.

export interface Step {
  /** `content` goes where both said 354; of a `group` each line has a reply of its own. */
  readonly kind: "command" | "group" | "content";
  readonly text: string;
}

const SENDERS = [
  "a@example.com",
  "",
  "A.b+c@example.com",
  '"a b"@example.com',
  "a@xn--bcher-kva.example",
  "b\u00fc@example.com",
  "a@b\u00fccher.example",
  "a@[192.0.2.1]",
  "a",
  "a@localhost",
  "a@b@c.test",
  ".a@example.com",
  "a..b@example.com",
  "a@example..com",
  "a@-x.test",
  "a@example.com.",
  "@x.test:a@example.com",
  "a b@example.com",
  "a@x_y.test",
  "a@1.2.3.4",
  "a\\@b@example.com",
  '"a"b@example.com',
  "a@[IPv6:2001:db8::1]",
  "a@[x]",
  `${"x".repeat(70)}@example.com`,
  `a@${"x".repeat(64)}.test`,
  "a%b@example.com",
  "a!b@example.com",
  "postmaster",
  "<a@example.com>",
  "a@exa mple.com",
  "a(c)@example.com",
  "a@example.com\x01",
];
const PLAIN = ["b@example.net", "c@example.org", "d.e@sub.example.net"];
const PARAMETERS = [
  "SIZE=100",
  "SIZE=99999999999",
  "SIZE=x",
  "SIZE=",
  "BODY=8BITMIME",
  "BODY=7BIT",
  "BODY=BINARYMIME",
  "BODY=x",
  "SMTPUTF8",
  "SMTPUTF8=x",
  "RET=FULL",
  "RET=HDRS",
  "RET=x",
  "ENVID=abc",
  "ENVID=a=b",
  "ENVID=+4",
  "AUTH=<>",
  "AUTH=a@b.test",
  "NOTIFY=NEVER",
  "NOTIFY=SUCCESS,FAILURE",
  "NOTIFY=NEVER,DELAY",
  "NOTIFY=",
  "ORCPT=rfc822;a@b.test",
  "ORCPT=x",
  "ORCPT=rfc822;+4",
  "FOO",
  "FOO=bar",
  "XYZ=1 XYZ=1",
  "SIZE=1 SIZE=2",
];
const ODD = [
  "NOOP",
  "NOOP x",
  "RSET",
  "RSET x",
  "VRFY a@example.com",
  "VRFY",
  "EXPN list",
  "HELP",
  "HELP MAIL",
  "STARTTLS",
  "AUTH PLAIN AGEAYg==",
  "AUTH",
  "ETRN example.com",
  "TURN",
  "XCLIENT NAME=x",
  "XFORWARD NAME=x",
  "FOO",
  "DATA x",
  "MAIL",
  "RCPT",
  "MAIL FROM",
  "RCPT TO:",
  "MAIL TO:<a@example.com>",
  "RCPT FROM:<a@example.com>",
  "BDAT",
  "BDAT x",
  "BDAT 5 X",
  "BDAT -1",
  "noop",
  "rset",
  " NOOP",
  "\tNOOP",
  "NOOP\t",
  "QUIT x",
  "EHLO",
  "HELO",
  "EHLO a b",
  "EHLO [192.0.2.1]",
  "EHLO [x]",
  "EHLO a_b",
  "EHLO \u00e4",
  "HELO <x>",
  "",
  " ",
  "DATA ",
  "GET / HTTP/1.1",
  "POST / HTTP/1.1",
  "CONNECT x:1",
  "SEND FROM:<a@example.com>",
  "\u0131",
  `NOOP ${"x".repeat(1000)}`,
  `NOOP ${"x".repeat(2500)}`,
  "NO\0OP",
  "NOOP\rX",
  "MAILFROM:<a@example.com>",
];
const BODIES = [
  "Subject: a\r\n\r\nb\r\n",
  "",
  "\r\n",
  "x\r\n",
  "..\r\n",
  "..x\r\n.\ty\r\n",
  "a\nb\r\n",
  "a\rb\r\n",
  "\0\r\n",
  "\xe4\xff\r\n",
  `${"x".repeat(998)}\r\n`,
  `${"x".repeat(999)}\r\n`,
  `${"x".repeat(3000)}\r\n`,
  "Received: a\r\n".repeat(3),
  "\n.\n\r\n",
  "\r.\r\r\n",
  "Subject: \xc3\xa4\r\n\r\n",
  "a\n.\r\nb\r\n",
  "From x\r\n",
  ": x\r\n",
];

function withCase(chance: Chance, text: string): string {
  return chance() < 0.1 ? text.toLowerCase() : text;
}

function path(chance: Chance, usual: string): string {
  const text = chance() < 0.75 ? usual : oneOf(chance, SENDERS);
  if (chance() < 0.96) return `<${text}>`;
  return oneOf(chance, [
    text,
    ` <${text}>`,
    `<${text}> `,
    `<${text}`,
    `${text}>`,
    `<${text}>x`,
    `< ${text} >`,
    `Name <${text}>`,
  ]);
}

function parameters(chance: Chance): string {
  if (chance() < 0.75) return "";
  return Array.from({ length: between(chance, 1, 2) }, () => ` ${oneOf(chance, PARAMETERS)}`).join("");
}

function mail(chance: Chance): string {
  return `${withCase(chance, "MAIL FROM:")}${path(chance, "a@example.com")}${parameters(chance)}`;
}

function rcpt(chance: Chance): string {
  return `${withCase(chance, "RCPT TO:")}${path(chance, oneOf(chance, PLAIN))}${parameters(chance)}`;
}

function command(text: string): Step {
  return { kind: "command", text };
}

function chunk(chance: Chance): Step {
  const body = oneOf(chance, BODIES);
  const octets = Buffer.byteLength(body, "latin1");
  return command(`BDAT ${octets}${oneOf(chance, [" LAST", " LAST", "", " last"])}\r\n${body}`);
}

function transaction(chance: Chance): Step[] {
  const steps = chance() < 0.95 ? [command(mail(chance))] : [];
  const rcpts = Array.from({ length: between(chance, 0, 3) }, () => rcpt(chance));
  if (chance() < 0.2 && steps.length > 0) {
    const lines = [steps.pop()!.text, ...rcpts, oneOf(chance, ["NOOP", "RSET", "VRFY x"])];
    steps.push({ kind: "group", text: lines.join("\r\n") });
  } else steps.push(...rcpts.map(command));
  const kind = chance();
  if (kind < 0.5)
    steps.push(command(withCase(chance, "DATA")), { kind: "content", text: `${oneOf(chance, BODIES)}.\r\n` });
  else if (kind < 0.8) for (let n = between(chance, 1, 3); n > 0; n--) steps.push(chunk(chance));
  return steps;
}

export function dialogue(chance: Chance): Step[] {
  const steps: Step[] = [];
  if (chance() < 0.95)
    steps.push(
      command(oneOf(chance, ["EHLO client.test", "EHLO client.test", "HELO client.test", "ehlo client.test"])),
    );
  for (let n = between(chance, 1, 3); n > 0; n--) steps.push(...transaction(chance));
  for (let n = between(chance, 0, 3); n > 0; n--)
    steps.splice(between(chance, 0, steps.length), 0, command(oneOf(chance, ODD)));
  if (chance() < 0.05) steps.splice(between(chance, 0, steps.length), 0, { kind: "command", text: "NOOP\n" });
  steps.push(command("QUIT"));
  return steps;
}
