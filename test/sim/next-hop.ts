import type { Act } from "./oracle/accounts.ts";
import type { Copy, Ledger, Taker } from "./oracle/ledger.ts";
import type { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";
import { type Mood, WELL } from "./moods.ts";
import { Inbox, octetsOf, unstuffed } from "./smtp-text.ts";
import type { SiteBook } from "./oracle/sites.ts";
import type { Timeline } from "./timeline.ts";
import type { End, EndHandler } from "./wire.ts";

/** What a server can do. */
export interface Traits {
  readonly hasPipelining: boolean;
  readonly hasEightBit: boolean;
  readonly hasStartTls: boolean;
  readonly hasDsn: boolean;
  readonly isVerifiable: boolean;
  /** Octets; 0: it does not say. */
  readonly size: number;
  /** What it has against us it has against a client of its own, and that is nobody's fault whose mail it is. */
  readonly isSmartHost: boolean;
  /** Transactions that the relay is to have over one connection; undefined: any. */
  readonly messagesPerConnectionMax: number | undefined;
}

export interface HopParts {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly faults: Faults;
  readonly ledger: Ledger;
  readonly sites: SiteBook;
}

/** A server that takes the relay's mail: a smart host, or one of a domain's. */
export class NextHop {
  readonly name: string;
  readonly address: string;
  readonly traits: Traits;
  readonly parts: HopParts;
  mood: Mood = WELL;
  readonly #greylisted = new Map<string, number>();

  constructor(name: string, address: string, traits: Traits, parts: HopParts) {
    this.name = name;
    this.address = address;
    this.traits = traits;
    this.parts = parts;
  }

  accept(end: End): void {
    new HopSession(this, end).greet();
  }

  /** Whether a thing of its mood happens now. */
  does(thing: Exclude<keyof Mood, "name" | "isDown" | "isSilent" | "isGreylisting" | "isExpired" | "tempo">): boolean {
    const happens = this.parts.dice.happens(this.mood[thing] ?? 0);
    if (happens) {
      this.parts.faults.count(`hop-${thing}`);
      this.parts.ledger.troubled(this.name);
    }
    return happens;
  }

  /** Greylisting: put off when it comes for the first time, and for some minutes after that. */
  isTooSoon(address: string): boolean {
    if (this.mood.isGreylisting !== true) return false;
    const { timeline, faults } = this.parts;
    const first = this.#greylisted.get(address) ?? timeline.now;
    this.#greylisted.set(address, first);
    const isTooSoon = timeline.now - first < GREYLISTED;
    if (isTooSoon) faults.count("hop-greylisted");
    if (isTooSoon) this.parts.ledger.troubled(this.name);
    return isTooSoon;
  }
}

const GREYLISTED = 4 * 60_000;

type State = "commands" | "content" | "over";

/** One connection of the relay to a next hop. */
class HopSession implements EndHandler {
  readonly #hop: NextHop;
  readonly #end: End;
  readonly #inbox = new Inbox();
  #state: State = "commands";
  #from: string | undefined;
  #recipients: string[] = [];
  /** The sender was refused, for what we are. */
  #isDenied = false;
  #transactions = 0;
  /** Of this session; what was said before TLS does not count. */
  #hasSaidEightBit = false;
  /** Of this transaction. */
  #isDeclaredEightBit = false;
  /** An answer of its own choice is not the one that the relay waits for. */
  #isKeptBack = false;
  /** It stops answering. */
  #isMute = false;
  #lastAt = 0;
  /** Which process of the relay it is. */
  readonly #life: number;

  constructor(hop: NextHop, end: End) {
    this.#hop = hop;
    this.#life = hop.parts.ledger.life;
    this.#end = end;
    end.handler = this;
  }

  greet(): void {
    const hop = this.#hop;
    if (hop.does("greetNothing")) this.#isMute = true;
    else if (hop.does("greet421")) this.#bye("421 4.3.2 Not now");
    else if (hop.does("greet554")) this.#bye("554 5.7.1 No mail from you");
    else if (hop.does("garbage")) this.#say("HTTP/1.1 400 Bad Request\r\n\r\n");
    else this.#reply("220 hop.test ESMTP");
  }

  received(octets: Uint8Array): void {
    if (this.#state === "over") return;
    this.#inbox.add(octets);
    while (this.#state === "commands") {
      const line = this.#inbox.line();
      if (line === undefined) return;
      this.#obey(line);
    }
    if (this.#state === "content") this.#takeContent();
  }

  drained(): void {
    // It never says much.
  }

  secured(): void {
    this.#hasSaidEightBit = false;
    this.#from = undefined;
  }

  ended(): void {
    this.#state = "over";
    this.#end.finish();
  }

  broken(): void {
    this.#state = "over";
  }

  #obey(line: string): void {
    const hop = this.#hop;
    const verb = line.slice(0, 4).toUpperCase();
    if (hop.does("garbage")) return this.#say("what?\r\n");
    if (verb === "EHLO") return hop.does("ehlo4") ? this.#reply("451 4.3.0 Later") : this.#reply(this.#features());
    if (verb === "HELO") {
      this.#hasSaidEightBit = false;
      return this.#reply("250 hop.test");
    }
    if (verb === "STAR") return this.#startTls();
    if (verb === "AUTH") return this.#reply("235 2.7.0 Welcome");
    if (verb === "MAIL") return this.#mail(line);
    if (verb === "RCPT") return this.#rcpt(line);
    if (verb === "DATA") return this.#data();
    if (verb === "RSET") return this.#reset();
    if (verb === "QUIT") return this.#bye("221 2.0.0 Bye");
    this.#hop.parts.ledger.violation("P6", `the relay said ${JSON.stringify(line.slice(0, 80))} to ${hop.name}`);
    return this.#reply("500 5.5.1 What?");
  }

  #features(): string {
    const { hasPipelining, hasEightBit, hasStartTls, hasDsn, size } = this.#hop.traits;
    this.#hasSaidEightBit = hasEightBit;
    const features = [
      "hop.test",
      "ENHANCEDSTATUSCODES",
      ...(hasPipelining ? ["PIPELINING"] : []),
      ...(hasEightBit ? ["8BITMIME", "SMTPUTF8"] : []),
      ...(hasStartTls && this.#end.tls === "none" ? ["STARTTLS"] : []),
      ...(this.#end.tls === "on" ? ["AUTH PLAIN LOGIN"] : []),
      ...(hasDsn ? ["DSN"] : []),
      ...(size > 0 ? [`SIZE ${size}`] : []),
    ];
    return features.map((text, at) => `250${at === features.length - 1 ? " " : "-"}${text}`).join("\r\n");
  }

  #startTls(): void {
    if (this.#hop.does("tls454")) return this.#reply("454 4.7.0 TLS not available");
    const fails = this.#hop.does("tlsFails");
    const hangs = !fails && this.#hop.does("tlsHangs");
    return this.#say("220 2.0.0 Go ahead\r\n", () => {
      if (fails) this.#end.reset("handshake failure");
      else if (!hangs) this.#end.startTls();
    });
  }

  #mail(line: string): void {
    const hop = this.#hop;
    this.#recipients = [];
    this.#transactions++;
    if (this.#transactions > (hop.traits.messagesPerConnectionMax ?? Infinity))
      hop.parts.ledger.violation("P8", `${this.#transactions} transactions over one connection to ${hop.name}`);
    hop.parts.sites.began(hop.address, hop.parts.timeline.now);
    if (hop.does("mail421")) return this.#bye("421 4.3.2 Going down");
    if (hop.does("mail4")) return this.#reply("451 4.3.0 Not now");
    this.#isDenied = (hop.traits.isSmartHost || hop.traits.hasPipelining) && hop.does("denies");
    if (this.#isDenied) return this.#reply("550 5.7.1 Relaying denied");
    this.#isDeclaredEightBit = / BODY=8BITMIME\b/i.test(line);
    this.#from = /^MAIL FROM:<([^>]*)>/i.exec(line)?.[1] ?? "";
    return this.#reply("250 2.1.0 Sender fine");
  }

  #rcpt(line: string): void {
    const hop = this.#hop;
    const address = /^RCPT TO:<([^>]*)>/i.exec(line)?.[1] ?? "";
    hop.parts.ledger.tried(address, hop.name);
    if (this.#isDenied && !hop.traits.isSmartHost) hop.parts.ledger.judged(address);
    if (this.#from === undefined) return this.#reply("503 5.5.1 MAIL first");
    if (hop.isTooSoon(address))
      return this.#putOff("451 4.7.1 Greylisted, try again in 300 seconds", [address], "time-named");
    if (hop.does("rcpt4")) return this.#putOff("450 4.2.0 Mailbox busy", [address]);
    if (hop.does("wantsLogin")) return this.#reply("530 5.7.0 Authentication required");
    if (hop.does("rcptHint")) return this.#putOff("451 4.3.0 Please try again in 10 minutes", [address], "time-named");
    if (hop.does("rcptTooMany")) return this.#reply("452 4.5.3 Too many recipients");
    if (hop.does("rcpt5")) {
      hop.parts.ledger.judged(address);
      return this.#reply("550 5.1.1 No such user");
    }
    this.#recipients.push(address);
    return this.#reply("250 2.1.5 Recipient fine");
  }

  #data(): void {
    const hop = this.#hop;
    if (this.#from === undefined || this.#recipients.length === 0) return this.#reply("503 5.5.1 Nobody to send to");
    if (hop.does("data4")) return this.#putOff("451 4.3.0 Not now", this.#recipients);
    if (hop.does("data5")) return this.#refuse("554 5.6.0 Not this");
    this.#acted(this.#recipients, "content-wanted");
    this.#state = "content";
    return this.#reply("354 Go on");
  }

  #reset(): void {
    this.#from = undefined;
    this.#recipients = [];
    this.#reply("250 2.0.0 Reset");
  }

  #takeContent(): void {
    if (this.#hop.does("contentReset")) return this.#break();
    const content = this.#inbox.content();
    if (content === undefined) return;
    this.#state = "commands";
    this.#answer(content);
    this.#from = undefined;
    this.#recipients = [];
    this.received(new Uint8Array(0));
  }

  /** The final dot was seen. */
  #answer(content: Buffer): void {
    const hop = this.#hop;
    this.#acted(this.#recipients, "content-over");
    if (hop.does("dot3")) return this.#reply("354 Go on");
    if (hop.does("dot4")) return this.#putOff("451 4.3.0 Not stored", this.#recipients);
    if (hop.does("dot5")) return this.#refuse("554 5.6.0 Content refused");
    if (hop.does("dotLost")) return this.#break();
    const copies = hop.parts.ledger.took(this.#asTaker(content), this.#from ?? "", this.#recipients);
    this.#isKeptBack = true;
    if (hop.does("takenThenClosed")) return this.#close();
    if (hop.does("takenThenReset")) return this.#break();
    if (hop.does("takenThen421")) return this.#bye("421 4.3.2 Going down");
    if (hop.does("takenThenGarbage")) return this.#say("~~~\r\n");
    if (hop.does("takenThenSilent")) {
      this.#isMute = true;
      return undefined;
    }
    this.#isKeptBack = false;
    const addresses = this.#recipients;
    return this.#say("250 2.0.0 Taken\r\n", undefined, () => {
      heard(copies, hop.parts.timeline.now);
      this.#acted(addresses, undefined);
    });
  }

  #asTaker(wire: Buffer): Taker {
    return {
      hop: this.#hop.name,
      life: this.#life,
      isKeptBack: () => this.#isKeptBack || this.#end.isFaulty,
      wire,
      content: unstuffed(wire),
      hasEightBit: this.#hasSaidEightBit,
      isDeclaredEightBit: this.#isDeclaredEightBit,
      size: this.#hop.traits.size,
    };
  }

  #refuse(text: string): void {
    const addresses = this.#recipients;
    for (const address of addresses) this.#hop.parts.ledger.judged(address);
    this.#say(`${text}\r\n`, undefined, () => this.#acted(addresses, undefined));
  }

  #putOff(text: string, addresses: readonly string[], act: "put-off" | "time-named" = "put-off"): void {
    this.#say(`${text}\r\n`, undefined, () => this.#acted(addresses, act));
  }

  /** What comes from a process that is gone is nothing that the next one could tell of. */
  #acted(addresses: readonly string[], act: Act | undefined): void {
    const { ledger } = this.#hop.parts;
    if (ledger.life === this.#life) ledger.acted(addresses, act);
  }

  #reply(text: string): void {
    this.#say(`${text}\r\n`);
  }

  #bye(text: string): void {
    this.#say(`${text}\r\n`, () => this.#close());
    this.#state = "over";
  }

  #close(): void {
    this.#state = "over";
    this.#end.end();
  }

  #break(): void {
    this.#state = "over";
    this.#end.reset("read ECONNRESET");
  }

  /** In the order of what it answers, each after a while. */
  #say(text: string, then?: () => void, whenTaken?: () => void): void {
    if (this.#isMute) return;
    const { timeline, dice } = this.#hop.parts;
    const tempo = (this.#hop.mood.tempo ?? 1) * (0.5 + dice.fraction());
    const at = Math.max(this.#lastAt, timeline.now + tempo);
    this.#lastAt = at;
    timeline.after(at - timeline.now, () => {
      this.#end.send(octetsOf(text), whenTaken);
      then?.();
    });
  }
}

function heard(copies: readonly Copy[], at: number): void {
  for (const copy of copies) copy.heardAt = at;
}
