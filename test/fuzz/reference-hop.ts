// What a client of SMTP may make of what a server says: a judge of the other side, by RFC 5321, 2920, 3207 and 4954 alone.

export interface Terms {
  /** Nothing of a message and no password goes in clear. */
  readonly mustSecure: boolean;
  readonly isSecured: boolean;
  readonly hasLogin: boolean;
  readonly isOurRelay: boolean;
}

/** How it ended for one recipient. */
export interface Ending {
  readonly kind: "delivered" | "transient" | "permanent";
  /** Of the reply that it is about. */
  readonly code: number | undefined;
  readonly isInDoubt: boolean;
}

type Awaited = "greeting" | "hello" | "starttls" | "auth" | "rset" | "mail" | "rcpt" | "data" | "final" | "quit";

const COMMANDS: readonly (readonly [RegExp, Awaited])[] = [
  [/^(?:EHLO|HELO) /, "hello"],
  [/^STARTTLS$/, "starttls"],
  [/^AUTH /, "auth"],
  [/^MAIL FROM:</, "mail"],
  [/^RCPT TO:</, "rcpt"],
  [/^DATA$/, "data"],
  [/^RSET$/, "rset"],
  [/^QUIT$/, "quit"],
];

export class ReferenceHop {
  readonly #terms: Terms;
  #isSecured: boolean;
  #awaited: Awaited[] = ["greeting"];
  #last: { readonly to: Awaited; readonly code: number } | undefined;
  #rest = "";
  #open: number | undefined; // the code of a reply of several lines
  /** It said something that is no answer, or no reply: from then on nothing that it says means anything. */
  #isAstray = false;
  #isOver = false;
  #isLoggedIn = false;
  #mail = 0;
  #rcpts: number[] = [];
  #data = 0;
  #final = 0;
  #isContentSent = false;
  #isContentAsked = false;

  constructor(terms: Terms) {
    this.#terms = terms;
    this.#isSecured = terms.isSecured;
  }

  #demand(condition: boolean, claim: string): void {
    if (!condition) throw new Error(claim);
  }

  /** Octets of the server, a character each. */
  heard(octets: string): void {
    const lines = (this.#rest + octets).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
  }

  #line(line: string): void {
    if (line === "") return;
    const [, digits = "", separator] = /^([2-5][0-9]{2})(?:([ -])|$)/.exec(line) ?? [];
    const code = Number(digits);
    if (digits === "" || (this.#open !== undefined && this.#open !== code)) this.#isAstray = true;
    this.#open = separator === "-" ? code : undefined;
    if (separator !== "-" && !this.#isAstray) this.#reply(code);
  }

  #reply(code: number): void {
    const to = this.#awaited.shift();
    if (to === undefined || code === 421) {
      this.#isAstray = true;
      return;
    }
    this.#last = { to, code };
    if (to === "mail") this.#mail = code;
    if (to === "rcpt") this.#rcpts.push(code);
    if (to === "data") this.#data = code;
    if (to === "final") this.#final = this.#isContentSent || code >= 400 ? code : 0;
    if (to === "auth" && code === 235) this.#isLoggedIn = true;
    if (to === "data" && code === 354) this.#awaited.push("final");
    const isFine = code < 300 || (code >= 400 && code < 600);
    if (!isFine && !(to === "data" && code === 354) && !(to === "auth" && code === 334)) this.#isAstray = true;
  }

  get #isTrusted(): boolean {
    return this.#isSecured || !this.#terms.mustSecure;
  }

  sent(text: string): void {
    this.#demand(!this.#isOver, "nothing goes behind the end");
    this.#demand(/^(?:[^\r\n\0]{1,1000}\r\n)+$/.test(text), `commands are whole lines: ${JSON.stringify(text)}`);
    for (const line of text.split("\r\n").slice(0, -1)) this.#command(line);
  }

  #command(line: string): void {
    const known = COMMANDS.find(([form]) => form.test(line))?.[1];
    const isResponse = known === undefined && this.#last?.to === "auth" && this.#last.code === 334;
    this.#demand(known !== undefined || isResponse, `no command: ${line}`);
    const what = known ?? "auth";
    if (what === "auth") this.#demand(this.#isSecured && this.#terms.hasLogin, "a password goes over TLS");
    if (what === "starttls") this.#demand(!this.#isSecured, "TLS stands already");
    if (what === "mail" || what === "rcpt" || what === "data") {
      this.#demand(this.#isTrusted, "mail goes over TLS where that is a condition");
      this.#demand(!this.#terms.hasLogin || this.#isLoggedIn, "mail goes after the login");
    }
    if (what === "mail") [this.#mail, this.#rcpts, this.#data, this.#final] = [0, [], 0, 0];
    if (what === "mail" || what === "rset") this.#isContentSent = this.#isContentAsked = false;
    if (what !== "quit" || !this.#isAstray) this.#awaited.push(what);
  }

  secured(): void {
    this.#demand(this.#last?.to === "starttls" && this.#last.code === 220, "TLS starts where it was agreed");
    this.#demand(this.#rest === "" && this.#awaited.length === 0, "nothing came in clear behind it");
    this.#isSecured = true;
  }

  ready(): void {
    const { to, code } = this.#last ?? { to: "greeting", code: 0 };
    const isRefusedTls = to === "starttls" && code >= 400;
    const isHello = (to === "hello" && code === 250) || isRefusedTls || (to === "auth" && code === 235);
    this.#demand(isHello && !this.#isAstray && /^\r?$/.test(this.#rest), "a session begins with its hello");
    this.#demand(this.#isTrusted && (!this.#terms.hasLogin || this.#isLoggedIn), "and on the terms that were set");
  }

  /** The content goes. */
  content(): void {
    const isAsked = this.#data === 354 && this.#mail < 300 && this.#rcpts.some((code) => code < 300);
    this.#demand(isAsked && !this.#isAstray, "content goes after 354, to recipients that were taken");
    this.#demand(this.#awaited.length === 1 && /^\r?$/.test(this.#rest) && !this.#isContentAsked, "once, and in turn");
    this.#isContentAsked = true;
  }

  /** With its dot. */
  contentSent(): void {
    this.#demand(this.#isContentAsked, "content was asked for");
    this.#isContentSent = true;
  }

  /** A transaction is over; `isUnsent`: nothing was said of it. */
  done(endings: readonly Ending[], isUnsent: boolean): void {
    for (const [at, ending] of endings.entries()) this.#judge(at, ending, isUnsent);
  }

  #judge(at: number, { kind, code, isInDoubt }: Ending, isUnsent: boolean): void {
    const rcpt = this.#rcpts[at] ?? 0;
    const isTaken = rcpt >= 200 && rcpt < 300;
    const answers = [this.#mail, rcpt, this.#data, this.#final].filter((other) => other >= 400);
    const isWhole = isTaken && this.#data === 354 && this.#isContentSent && this.#final >= 200 && this.#final < 300;
    if (kind === "delivered") this.#demand(isWhole && !isUnsent, "delivered is what was taken, and 2yz to its dot");
    else if (!isUnsent && !this.#isAstray) this.#demand(!isWhole, "what was taken is delivered");
    if (kind === "permanent" && !isUnsent) {
      this.#demand(code !== undefined && code >= 500 && answers.includes(code), "a permanent failure is a 5yz to it");
      this.#demand(![530, 534, 535, 538].includes(code!), "nobody fails for our login");
    }
    if (isInDoubt) this.#demand(this.#isContentSent && isTaken, "in doubt is what was sent");
    const isLost = this.#isContentSent && isTaken && this.#final === 0 && !isUnsent;
    if (kind === "transient" && isLost) this.#demand(isInDoubt, "what was sent and not answered is in doubt");
  }

  failed({ kind }: Ending): void {
    this.#demand(kind === "transient", "a session that fails is nobody's fault");
    this.#demand(this.#mail === 0 || this.#awaited.length === 0, "a transaction has endings of its own");
  }

  closed(): void {
    this.#demand(!this.#isOver, "an end is one");
    this.#isOver = true;
  }
}
