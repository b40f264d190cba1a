import fs from "node:fs";
import path from "node:path";

/** What whoever meets it can do, by code and enhanced code. A reply without words here, and words without a reply, are errors. */
const ADVICE: Readonly<Record<string, string>> = {
  "421 4.3.0": "A fault of the relay's: its log has `session.crashed`. The client may try again at once.",
  "421 4.3.2": "The relay stops. Clients come again when it is back.",
  "421 4.4.2": "The client was silent, or sent content too slowly.",
  "421 4.7.0": "A limit of sessions, commands, failures or messages: `limits`, or a client that does not behave.",
  "451 4.3.0":
    "The disk of the data folder failed, or the files of the queue were replaced: the log has `store.failed` or `store.replaced`. The client tries again.",
  "451 4.3.2": "An operator paused new mail: `waypost resume inbound`.",
  "451 4.3.5": "A reload came in between. The client tries again.",
  "452 4.3.1": "The disk of the data folder is nearly full: the log has `space.low`. Make room; clients come again.",
  "452 4.5.3": "`limits.recipients_per_message`. Clients send the rest in another message by themselves.",
  "454 4.7.0": "More logins at once than passwords can be checked. The client tries again.",
  "500 5.5.1": "A command that is none.",
  "500 5.5.2": "A client that is not SMTP, or ends its lines with LF alone.",
  "500 5.5.6": "An answer to AUTH that is too long.",
  "501 5.1.3": "A recipient's address that is malformed.",
  "501 5.1.7": "A sender's address that is malformed.",
  "501 5.5.2": "What AUTH wants is base64, in the form of its mechanism.",
  "501 5.5.4": "A command that lacks something, or has too much.",
  "501 5.6.7": "An address with octets that are not UTF-8.",
  "501 5.7.0": "The client ended AUTH with `*`.",
  "502 5.5.1": "A command that this listener does not have; for STARTTLS see `listeners[].tls`.",
  "503 5.5.1": "A command out of order.",
  "504 5.5.4": "An AUTH mechanism that is not offered, or an empty chunk.",
  "530 5.7.0": "The client has to start TLS, or log in: its address is not in `access.networks`.",
  "535 5.7.8": "The password is wrong, or there is no such user; after a reload, a login that is not valid any more.",
  "538 5.7.11": "Passwords are taken over TLS only: the client is to use STARTTLS, or port 465.",
  "550 5.1.1": "Mail for `<postmaster>` without a domain needs the key `postmaster`.",
  "550 5.1.2": "`delivery.address_literals` permits recipients such as `user@[192.0.2.1]`.",
  "550 5.5.2":
    "Line ends that servers read differently; `listeners[].bare_newlines: normalize` for devices that can do no better.",
  "550 5.7.1":
    "Who sends may not do so: not from this network, not as this sender, or to a recipient that no route takes.",
  "552 5.3.4": "`listeners[].max_message_bytes`, or a header of more than 1 MiB.",
  "553 5.6.7": "An address with letters outside ASCII needs SMTPUTF8 at MAIL.",
  "554 5.4.6": "The message has 100 `Received` fields: it goes round in circles.",
  "554 5.5.0": "The client did not wait for a reply that it has to wait for.",
  "554 5.5.1": "DATA although every recipient was refused; or a client that is a browser.",
  "554 5.6.0": "Content with a NUL, or with a line of more than 998 octets.",
  "555 5.5.4": "A parameter of MAIL or RCPT that is not offered.",
};

interface Found {
  readonly code: string;
  readonly text: string;
}

/** `permfail(550, "5.7.1", "Relay access denied")`, with the names in a template as `…`. */
export function repliesIn(source: string): Found[] {
  const calls = source.matchAll(/\b(?:tempfail|permfail)\(\s*(\d{3}),\s*([^,]*),\s*(?:"([^"]*)"|`([^`]*)`)?/g);
  return [...calls].flatMap(([, code = "", status = "", plain, template]) => {
    const text = plain ?? template?.replaceAll(/\$\{[^}]*\}/g, "…") ?? "";
    return [...status.matchAll(/"([0-9.]+)"/g)].map(([, each = ""]) => ({ code: `${code} ${each}`, text }));
  });
}

function sources(folder: string): string[] {
  const names = fs.readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => fs.readFileSync(path.join(folder, name), "utf8"));
}

/** What clients hear that are refused or put off. Throws where the words above are not those of the code. */
export function repliesPage(src = path.resolve(import.meta.dirname, "../../src")): string {
  const found = sources(src).flatMap(repliesIn);
  const codes = [...new Set(found.map(({ code }) => code))].toSorted();
  const strange = [
    ...codes.filter((code) => !(code in ADVICE)),
    ...Object.keys(ADVICE).filter((code) => !codes.includes(code)),
  ];
  if (strange.length > 0)
    throw new Error(`tools/reference/replies-page.ts and the code differ about ${strange.join(", ")}`);
  const lines = [
    "# Replies",
    "",
    "Written from the code by `npm run reference`. What a client of the relay hears when it is refused (5yz: for good) or put off",
    "(4yz: it comes again), by code (RFC 5321) and enhanced code (RFC 3463). Our own trouble is always 4yz. `…` stands for what",
    "differs. The log has the same as `session.refused` or `message.refused`.",
    "",
  ];
  for (const code of codes) {
    const texts = new Set(found.filter((one) => one.code === code && one.text !== "").map(({ text }) => text));
    lines.push(`## ${code}`, "", ADVICE[code]!, "", ...[...texts].toSorted().map((text) => `- ${text}`), "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}
