import { octetText, utf8 } from "../base/bytes.ts";
import { INBOUND } from "../base/limits.ts";
import { keyword } from "../smtp/command.ts";
import { intermediate, permfail, success, tempfail } from "../smtp/reply.ts";
import { decodeBase64, encodeBase64, parsePlain, passwordOf, usernameOf } from "../smtp/sasl.ts";
import type { Machine, PhaseOf, Question } from "./state.ts";

/** RFC 4954 section 4. Before TLS the credential is not even looked at. */
export function runAuth(machine: Machine, _phase: PhaseOf<"ready">, argument: string): void {
  const { settings } = machine;
  if (!settings.offersAuth) return machine.fail("AUTH", permfail(503, "5.5.1", "AUTH is not offered here"));
  if (!machine.isSecure) return machine.fail("AUTH", permfail(538, "5.7.11", "AUTH only after STARTTLS"));
  if (machine.isAuthenticated) return machine.fail("AUTH", permfail(503, "5.5.1", "Already authenticated"));
  const [mechanism = "", initial, ...more] = argument.split(/[ \t]+/);
  if (mechanism === "" || more.length > 0)
    return machine.fail("AUTH", permfail(501, "5.5.4", "Say AUTH and a mechanism"));
  switch (keyword(mechanism)) {
    case "PLAIN":
      return initial === undefined
        ? challenge(machine, "", (octets) => takePlain(machine, octets))
        : startPlain(machine, initial);
    case "LOGIN":
      return startLogin(machine, initial);
    default:
      return machine.fail("AUTH", permfail(504, "5.5.4", "Mechanism not offered; there is PLAIN and LOGIN"));
  }
}

const NOT_BASE64 = permfail(501, "5.5.2", "Not base64");

/** `=` alone stands for an empty initial response. */
function decodeInitial(initial: string): Uint8Array | undefined {
  return initial === "=" ? new Uint8Array(0) : decodeBase64(initial);
}

function startPlain(machine: Machine, initial: string): void {
  const octets = decodeInitial(initial);
  if (octets === undefined) return machine.fail("AUTH", NOT_BASE64);
  return takePlain(machine, octets);
}

function takePlain(machine: Machine, octets: Uint8Array): void {
  const response = parsePlain(octets);
  if (response === undefined) return machine.fail("AUTH", permfail(501, "5.5.2", "Not a PLAIN response"));
  return judge(machine, { about: "auth", mechanism: "PLAIN", ...response });
}

function startLogin(machine: Machine, initial: string | undefined): void {
  if (initial === undefined) return challenge(machine, "Username:", (octets) => takeUsername(machine, octets));
  const octets = decodeInitial(initial);
  if (octets === undefined) return machine.fail("AUTH", NOT_BASE64);
  return takeUsername(machine, octets);
}

function takeUsername(machine: Machine, octets: Uint8Array): void {
  const username = usernameOf(octets);
  challenge(machine, "Password:", (answer) => {
    const password = passwordOf(answer);
    if (username === undefined || password === undefined)
      return machine.fail("AUTH", permfail(501, "5.5.2", "Not a LOGIN response"));
    const attempt = { username, password };
    return judge(machine, { about: "auth", mechanism: "LOGIN", attempt, isAsAnother: false });
  });
}

/** Sends a challenge and takes the client's line: `*` gives up (RFC 4954 section 4). */
function challenge(machine: Machine, text: string, take: (octets: Uint8Array) => void): void {
  machine.reply(intermediate(334, encodeBase64(utf8(text))));
  machine.expectLine(INBOUND.authLineOctetsMax, (line) => {
    if (line === undefined)
      return machine.fail("AUTH", permfail(500, "5.5.6", "Line too long, or not ended with CR LF"));
    const answer = octetText(line);
    if (answer === "*") return machine.fail("AUTH", permfail(501, "5.7.0", "Authentication given up"));
    const octets = decodeBase64(answer);
    return octets === undefined ? machine.fail("AUTH", NOT_BASE64) : take(octets);
  });
}

/** Whoever answers tells the operator too: what is said here is not noted again. */
function judge(machine: Machine, question: Extract<Question, { about: "auth" }>): void {
  machine.ask(question, (verdict) => {
    if (verdict.kind === "accept") {
      machine.isAuthenticated = true;
      return machine.reply(success(235, "2.7.0", "Authentication succeeded"));
    }
    // Busy is our trouble, not a wrong guess (promise P5).
    if (verdict.reply.code >= 500) machine.authFailures++;
    if (machine.authFailures >= INBOUND.authFailuresMax)
      return machine.end(tempfail(421, "4.7.0", "Too many failed authentications"));
    return machine.reply(verdict.reply);
  });
}
