import { utf8 } from "../base/bytes.ts";
import { hasHidden } from "../base/printable.ts";
import { isIpv4, isIpv6 } from "../mail/domain.ts";
import { keywords, permfail, success } from "../smtp/reply.ts";
import { runAuth } from "./auth.ts";
import { runBdat, runData } from "./content.ts";
import type { Machine, PhaseName, PhaseOf } from "./state.ts";
import { runMail, runRcpt } from "./transaction.ts";

/** One verb: where it belongs, and what it does there. */
export interface Rule {
  /** RFC 2920 section 3.1: `last` verbs end a pipelined group. NOOP, VRFY and QUIT do no harm and are left alone. */
  readonly place: "anywhere" | "last";
  run(machine: Machine, argument: string): void;
}

type Handler<Name extends PhaseName> = (machine: Machine, phase: PhaseOf<Name>, argument: string) => void;

/** A handler sees only the phases that its row lists; in any other the answer is 503. */
function rule<const Names extends readonly PhaseName[]>(
  names: Names,
  place: Rule["place"],
  handler: Handler<Names[number]>,
  verb: string,
): [string, Rule] {
  const allowed: ReadonlySet<PhaseName> = new Set(names);
  const run = (machine: Machine, argument: string): void => {
    if (allowed.has(machine.phase.name)) return handler(machine, machine.phase as PhaseOf<Names[number]>, argument);
    const reply = permfail(503, "5.5.1", outOfOrder(verb, machine.phase.name));
    // Behind a MAIL that was refused a whole list may have been pipelined.
    return verb === "RCPT" ? machine.refuse(verb, reply) : machine.fail(verb, reply);
  };
  return [verb, { place, run }];
}

function outOfOrder(verb: string, phase: PhaseName): string {
  if (phase === "greeted") return "Say EHLO first";
  if (phase === "transaction") return `${verb} does not belong into a transaction`;
  return `${verb} needs ${verb === "RCPT" ? "MAIL" : "MAIL and RCPT"} first`;
}

const ANY = ["greeted", "ready", "transaction"] as const;

export const RULES: ReadonlyMap<string, Rule> = new Map([
  rule(ANY, "last", runEhlo, "EHLO"),
  rule(ANY, "last", runHelo, "HELO"),
  rule(["greeted", "ready", "transaction"], "last", runStartTls, "STARTTLS"),
  rule(["ready"], "last", runAuth, "AUTH"),
  rule(["ready"], "anywhere", runMail, "MAIL"),
  rule(["transaction"], "anywhere", runRcpt, "RCPT"),
  rule(["transaction"], "last", runData, "DATA"),
  rule(ANY, "anywhere", runBdat, "BDAT"), // octets follow it in any phase
  rule(ANY, "anywhere", runRset, "RSET"),
  rule(ANY, "anywhere", runNoop, "NOOP"),
  rule(ANY, "anywhere", runVrfy, "VRFY"),
  rule(ANY, "anywhere", runExpn, "EXPN"),
  rule(ANY, "anywhere", runHelp, "HELP"),
  rule(ANY, "anywhere", runQuit, "QUIT"),
]);

// A browser or another protocol's client that was tricked into talking to us: nothing it says is a command.
const FOREIGN_VERBS: ReadonlySet<string> = new Set([
  "GET",
  "POST",
  "PUT",
  "HEAD",
  "OPTIONS",
  "CONNECT",
  "DELETE",
  "PATCH",
  "TRACE",
  "PRI",
]);

// Verbs of the field that are not offered. What is none of them is not named in the log: it may be a password that a
// client sent although AUTH was refused.
const KNOWN_VERBS: ReadonlySet<string> = new Set([
  "ETRN",
  "TURN",
  "ATRN",
  "SEND",
  "SOML",
  "SAML",
  "XCLIENT",
  "XFORWARD",
]);

export function runUnknown(machine: Machine, verb: string): void {
  if (FOREIGN_VERBS.has(verb)) machine.end(permfail(554, "5.5.1", "This is SMTP"));
  else machine.fail(KNOWN_VERBS.has(verb) ? verb : "unknown", permfail(500, "5.5.1", "Command not recognized"));
}

const HELLO_OCTETS_MAX = 255;

/** A host name or an address literal; underscores and the like are what devices send, spaces and controls are not. */
function isHelloName(argument: string): boolean {
  if (argument === "" || utf8(argument).length > HELLO_OCTETS_MAX) return false;
  if (/[\s<>()"\\;,]/.test(argument) || hasHidden(argument)) return false;
  return !/[[\]]/.test(argument) || isBracketedAddress(argument);
}

/**
 * RFC 5321 section 4.1.3, and its two careless spellings that real clients have: IPv6 without its tag, and with the
 * zone of a link-local address. In brackets there is nothing else that could be meant.
 */
function isBracketedAddress(argument: string): boolean {
  const address = /^\[(?:IPv6:)?([^%\]]+)(?:%[\w.-]+)?\]$/i.exec(argument)?.[1];
  return address !== undefined && (isIpv4(address) || isIpv6(address));
}

function greet(machine: Machine, verb: string, argument: string, isExtended: boolean): boolean {
  if (!isHelloName(argument)) {
    machine.fail(verb, permfail(501, "5.5.4", `${verb} takes your host name, or your address in brackets`));
    return false;
  }
  if (machine.phase.name === "transaction") machine.emit({ kind: "reset" });
  machine.phase = { name: "ready", hello: { client: argument, isExtended } };
  return true;
}

function runEhlo(machine: Machine, _phase: unknown, argument: string): void {
  if (greet(machine, "EHLO", argument, true)) machine.reply(keywords(ehloLines(machine)));
}

function mayStartTls({ settings, isSecure }: Machine): boolean {
  return settings.offersStartTls && !isSecure;
}

function mayAuthenticate({ settings, isSecure, isAuthenticated }: Machine): boolean {
  return settings.offersAuth && isSecure && !isAuthenticated;
}

function ehloLines(machine: Machine): string[] {
  const { settings } = machine;
  const lines = [settings.hostname, "PIPELINING", `SIZE ${settings.messageOctetsMax}`];
  if (mayStartTls(machine)) lines.push("STARTTLS");
  if (mayAuthenticate(machine)) lines.push("AUTH PLAIN LOGIN");
  lines.push("ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING");
  // RFC 9422: what the client may rely on.
  const messages = machine.isTrusted ? "" : `MAILMAX=${settings.messagesMax} `;
  lines.push(`LIMITS ${messages}RCPTMAX=${settings.recipientsMax}`);
  return lines;
}

function runHelo(machine: Machine, _phase: unknown, argument: string): void {
  if (greet(machine, "HELO", argument, false)) machine.reply(keywords([machine.settings.hostname]));
}

function runStartTls(machine: Machine, phase: PhaseOf<"greeted" | "ready" | "transaction">, argument: string): void {
  if (!machine.settings.offersStartTls && !machine.isSecure)
    return machine.fail("STARTTLS", permfail(502, "5.5.1", "STARTTLS is not offered here"));
  if (phase.name !== "ready")
    return machine.fail("STARTTLS", permfail(503, "5.5.1", "STARTTLS comes after EHLO and outside a transaction"));
  if (machine.isSecure) return machine.fail("STARTTLS", permfail(503, "5.5.1", "TLS already stands"));
  if (argument !== "") return machine.fail("STARTTLS", permfail(501, "5.5.4", "STARTTLS takes no parameter"));
  machine.reply(success(220, "2.0.0", "Ready to start TLS"));
  return machine.startTls();
}

function runRset(machine: Machine, phase: PhaseOf<"greeted" | "ready" | "transaction">, argument: string): void {
  if (argument !== "") return machine.fail("RSET", permfail(501, "5.5.4", "RSET takes no parameter"));
  if (phase.name === "transaction") {
    machine.emit({ kind: "reset" });
    machine.phase = { name: "ready", hello: phase.hello };
  }
  return machine.reply(success(250, "2.0.0", "Reset"));
}

function runNoop(machine: Machine): void {
  machine.reply(success(250, "2.0.0", "OK"));
}

function runVrfy(machine: Machine): void {
  machine.reply(success(252, "2.5.0", "Send some mail, we will try"));
}

function runExpn(machine: Machine): void {
  machine.fail("EXPN", permfail(502, "5.5.1", "EXPN is not offered"));
}

function runHelp(machine: Machine): void {
  const startTls = mayStartTls(machine) ? "STARTTLS " : "";
  const auth = mayAuthenticate(machine) ? "AUTH " : "";
  machine.reply(success(214, "2.0.0", `EHLO HELO ${startTls}${auth}MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT`));
}

function runQuit(machine: Machine): void {
  machine.end(success(221, "2.0.0", "Bye"));
}
