import * as is from "./reference-codes.ts";

// A server's side of SMTP as RFC 5321, 3207, 4954, 3030 and 2920 have it, in small: the states, what is answered in each, and
// what is kept. It judges what was answered, and goes on from there. An octet is a character.

/** Nothing that came is wrong, and there is more to come: a reply, or the end of the connection. */
export class Due extends Error {}

export class ReferenceSession {
  readonly kept: is.Kept[] = [];
  readonly states = new Set<string>();
  readonly #rules: is.Rules;
  readonly #at: is.Standing;
  #isPlain = false; // it said HELO
  #input = "";
  #said: number[] = [];
  #isClosing = false;
  #errors = 0;
  #errorsForSure = 0;
  #junk = 0;
  #messages = 0;
  #guesses = 0;
  #from = "";
  #content = "";
  #announced = 0;
  #chunk: is.Chunk | undefined;
  #username: string | undefined;

  constructor(rules: is.Rules) {
    this.#rules = rules;
    this.#at = { phase: "greeted", isSecure: rules.tls === "implicit", isLoggedIn: false, recipients: [] };
  }

  secured(): void {
    this.#at.isSecure = true;
    this.#at.phase = "greeted";
  }

  /** The client sent this, then these codes came; `isClosed`: and the connection ended. Throws where that may not be. */
  take(octets: string, said: readonly number[], isClosed: boolean): void {
    this.#input += octets;
    this.#said = [...said];
    this.#isClosing = isClosed && this.#at.phase !== "closed";
    do this.#note();
    while (!is.isDeaf(this.#at.phase) && this.#step());
    if (is.isDeaf(this.#at.phase)) this.#input = "";
    this.#demand(this.#said.length === 0, `${this.#said.join(" ")} without a question`);
    if (!isClosed && this.#at.phase === "closed") throw new Due("still open");
    this.#demand(!isClosed || this.#at.phase === "closed", "closed without a reason");
  }

  /** So many errors that replies may be late on purpose: nobody knows for how long. */
  get mayDawdle(): boolean {
    return this.#errors >= 10;
  }

  #note(): void {
    const phase = this.#chunk === undefined ? this.#at.phase : this.#chunk.isIdle ? "swallow" : "chunk";
    this.states.add(`${this.#at.isLoggedIn ? "login" : this.#at.isSecure ? "tls" : "clear"} ${phase}`);
  }

  #demand(condition: boolean, claim: string): asserts condition {
    if (!condition) throw new Error(`${claim} (${this.#at.phase})`);
  }

  /** The next reply; one that ends the session takes too much of something. */
  #answer(permitted: string, what: string): number {
    const code = this.#said.shift();
    if (code === undefined) throw new Due(`no answer to ${what}`);
    if (code === 421 && this.#said.length === 0 && !this.#isClosing) throw new Due(`421 and no end: ${what}`);
    if (this.#isClosing && this.#said.length === 0) {
      const isTooMuch = this.#errors >= 19 || this.#junk > 100 || (this.#guesses === 2 && permitted.startsWith("535"));
      this.#demand(code === 421 && (isTooMuch || !this.#rules.isOpen), `${code} and the end: ${what}`);
      this.#at.phase = "closed";
      return code;
    }
    this.#demand(new RegExp(`^(?:${permitted})$`).test(`${code}`), `${code} and not ${permitted}: ${what}`);
    if (code >= 500) this.#errors++;
    if (code === 500 || code === 502) this.#errorsForSure++;
    if (code === 535) this.#guesses++;
    this.#demand(this.#errorsForSure < 20 && this.#guesses < 3, `no end of it: ${what}`);
    return code;
  }

  #end(code: number, what: string): void {
    const said = this.#said.shift();
    if (said === undefined || (said === code && !this.#isClosing)) throw new Due(`no ${code} and end: ${what}`);
    this.#demand(said === code, `${said} and not ${code} and the end: ${what}`);
    this.#at.phase = "closed";
  }

  #step(): boolean {
    if (this.#at.phase === "data") return this.#data();
    if (this.#chunk !== undefined) return this.#octets(this.#chunk);
    const end = this.#input.indexOf("\n") + 1;
    const length = end === 0 ? this.#input.length + 1 : end;
    if (length > is.FLOOD) this.#end(421, "a line without end");
    if (length > is.FLOOD || end === 0) return false;
    const line = this.#input.slice(0, end);
    this.#input = this.#input.slice(end);
    const shown = JSON.stringify(line.slice(0, 100));
    const isAuth = this.#at.phase.startsWith("auth-");
    const isPlain = /^[^\r\n\0]*\r\n$/.test(line) && length <= (isAuth || /^AUTH /i.test(line) ? 12_288 : 2048);
    if (isAuth) this.#response(isPlain ? line.slice(0, -2) : undefined, shown);
    else if (isPlain) this.#command(line.slice(0, -2), shown);
    else this.#answer("500", shown);
    return true;
  }

  #command(line: string, shown: string): void {
    const [, word = "", argument = ""] = /^([^ \t]*)[ \t]*([^]*?)[ \t]*$/.exec(line)!;
    const octets = Buffer.from(line, "latin1");
    if (!Buffer.from(octets.toString()).equals(octets)) return void this.#answer("501", shown); // no UTF-8
    const verb = /^[\0-\x7f]*$/.test(word) ? word.toUpperCase() : "";
    if (is.FOREIGN.test(verb)) return this.#end(554, shown);
    if (!is.KNOWN.test(verb)) return void this.#answer("500", shown);
    if (is.JUNK.test(verb) && ++this.#junk > 100) return this.#end(421, shown);
    const isAlone = is.LAST.test(verb) || (this.#isPlain && this.#at.phase !== "greeted");
    if (this.#input !== "" && isAlone) return this.#end(554, shown);
    if (verb === "BDAT") return this.#bdat(argument, shown);
    if (verb === "QUIT") return this.#end(221, shown);
    const isEnough = verb === "MAIL" && is.isReady(this.#at.phase) && this.#messages >= this.#rules.messagesMax;
    if (isEnough && is.isStranger(this.#at, this.#rules)) return this.#end(421, shown);
    const code = this.#answer(is.codesFor(verb, argument, this.#at, this.#rules), shown);
    if (this.#at.phase !== "closed") this.#follow(verb, argument, code);
  }

  #follow(verb: string, argument: string, code: number): void {
    const path = /<([^]*)>/.exec(argument)?.[1] ?? "";
    const isTransaction = is.isTransaction(this.#at.phase);
    if (/^(?:EHLO|HELO)$/.test(verb) && code === 250) {
      this.#isPlain = verb === "HELO";
      this.#over();
    } else if (verb === "RSET" && code === 250 && isTransaction) this.#over();
    else if (verb === "STARTTLS" && code === 220) this.#at.phase = "handshake";
    else if (verb === "AUTH" && code === 235) this.#at.isLoggedIn = true;
    else if (verb === "AUTH" && code === 334) {
      this.#username = is.decoded(argument.split(/[ \t]+/)[1] ?? "");
      this.#at.phase = is.authPhase(argument);
    } else if (verb === "MAIL" && code === 250) {
      [this.#from, this.#at.recipients, this.#content, this.#announced] = [path, [], "", 0];
      this.#at.phase = "mail";
    } else if (verb === "RCPT" && code === 250) {
      this.#at.recipients.push(path);
      this.#at.phase = "rcpt";
    } else if (verb === "DATA" && code === 354) this.#at.phase = "data";
    else if (verb === "DATA" && this.#at.phase === "rcpt" && argument === "") this.#over(); // no content now, for what it says
  }

  #over(): void {
    this.#at.phase = this.#isPlain ? "plain" : "ready";
  }

  #response(text: string | undefined, shown: string): void {
    const phase = this.#at.phase;
    this.#over();
    const code = this.#answer(text === undefined ? "500" : is.responseCodes(phase, text, this.#username), shown);
    if (code === 235) this.#at.isLoggedIn = true;
    if (code !== 334) return;
    this.#username = is.decoded(text!);
    this.#at.phase = "auth-password";
  }

  /** RFC 5321 section 4.5.2: only CR LF . CR LF is the end. */
  #data(): boolean {
    const framed = `\r\n${this.#input}`;
    const end = framed.indexOf("\r\n.\r\n");
    if (end === -1) return false;
    this.#input = framed.slice(end + 5);
    this.#judge(`${framed.slice(0, end)}\r\n`.replaceAll("\r\n.", "\r\n").slice(2));
    return true;
  }

  #bdat(argument: string, shown: string): void {
    const [, digits, last] = /^([0-9]{1,12})(?:[ \t]+(LAST))?$/i.exec(argument) ?? [];
    if (digits === undefined) return this.#end(501, shown);
    const octets = Number(digits);
    const isTransaction = is.isTransaction(this.#at.phase);
    if (octets === 0 && last === undefined && isTransaction && this.#at.phase !== "mail")
      return void this.#answer("504", shown);
    if (isTransaction) this.#announced += octets;
    const isBig = this.#announced > this.#rules.octetsMax;
    const refusal = !isTransaction ? "503" : this.#at.phase === "mail" ? "554" : isBig ? "552" : undefined;
    const refuse = (): void => {
      this.#answer(refusal!, shown);
      if (isTransaction && this.#at.phase !== "closed") this.#over();
    };
    const go = last === undefined ? () => void this.#answer("250", shown) : () => this.#judge(this.#content);
    this.#chunk = { octets, isIdle: refusal !== undefined, whenRead: refusal === undefined ? go : refuse };
    if (refusal === undefined) this.#at.phase = "chunks";
  }

  #octets({ octets, isIdle, whenRead }: is.Chunk): boolean {
    if (this.#input.length < octets) return false;
    if (!isIdle) this.#content += this.#input.slice(0, octets);
    this.#input = this.#input.slice(octets);
    this.#chunk = undefined;
    whenRead();
    return true;
  }

  #judge(sent: string): void {
    const content = this.#rules.isNormalizing ? sent.replace(/\r\n|[\r\n]/g, "\r\n").replaceAll("\0", "") : sent;
    const code = this.#answer(is.contentCodes(content, this.#rules), "the content");
    if (code === 250) {
      this.kept.push({ from: this.#from, recipients: this.#at.recipients, content });
      [this.#messages, this.#errors, this.#errorsForSure, this.#junk] = [this.#messages + 1, 0, 0, 0];
    }
    if (this.#at.phase !== "closed") this.#over();
  }
}
