import { keyword, parseCommand } from "../../../src/core/smtp/command.ts";
import { decodeXtext, encodeXtext } from "../../../src/core/smtp/xtext.ts";
import { transcriptLines } from "../material.ts";
import { type Target, holds, oneOf, same, some } from "../target.ts";

// What stands in a line of a command: its verb, and text in its parameters.

const VERBS = "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY EXPN HELP AUTH STARTTLS ETRN GET".split(" ");

const command: Target = {
  name: "command",
  files: ["core/smtp/command.ts"],
  seeds: transcriptLines(),
  tokens: [...VERBS, " ", "\t", "  ", "FROM:", "TO:", "<a@b.test>", "\u0131", "\u017f", "\u212a"],
  generate: (chance) => `${some(chance, 2, () => " ")}${oneOf(chance, VERBS)} ${some(chance, 3, () => "x\t ")}`,
  check(line) {
    const { verb, argument } = parseCommand(line);
    // The oracle: white space is space and tab, and nothing else is dropped or moved.
    const [, first = "", rest = ""] = /^([^ \t]*)[ \t]*([^]*?)[ \t]*$/.exec(line) ?? [];
    same(argument, rest, "the argument is what stands behind the verb");
    const isPlain = /^[\0-\x7f]*$/.test(first);
    same(verb, isPlain ? first.replace(/[a-z]/g, (c) => c.toUpperCase()) : first, "the verb is the first word");
    holds(isPlain || !VERBS.includes(verb), "a verb of other letters is none of ours", line);
    same(keyword(keyword(line)), keyword(line), "to make it a keyword twice is once");
  },
};

const xtext: Target = {
  name: "xtext",
  files: ["core/smtp/xtext.ts"],
  seeds: ["a+2Bb", "rfc822;a+40b", "+41+42", "+", "+4", "+4g", "+4a", "=", "a b", "+00", "+FF", "~", "\x7f"],
  tokens: ["+", "+2B", "+3D", "+0D+0A", "+00", "+FF", "+7F", "=", "a", "A", "F", "G", "~", "!", " "],
  generate: (chance) => some(chance, 12, () => oneOf(chance, ["+2B", "+3D", "x", "~", "!", "+20", "+7E"])),
  check(text) {
    const decoded = decodeXtext(text);
    const isXtext = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text); // RFC 3461 section 4, as it stands there
    same(decoded !== undefined, isXtext, "xtext is what the RFC says");
    if (decoded !== undefined) {
      holds(decoded.length <= text.length, "it does not grow");
      same(decodeXtext(encodeXtext(decoded)), decoded, "decoding what was encoded is what was there");
    }
    const ascii = text.replace(/[^\0-\x7f]/g, "");
    const encoded = encodeXtext(ascii);
    holds(/^[!-<>-~]*$/.test(encoded), "what is encoded can stand in a command", encoded);
    same(decodeXtext(encoded), ascii, "what is encoded can be decoded");
  },
};

export const targets: readonly Target[] = [command, xtext];
