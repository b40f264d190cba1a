import type { Dice } from "./dice.ts";
import { type Letter, newAccount, newLetter } from "./oracle/accounts.ts";

/** Domains of recipients, by how the relay's routes treat them. */
export interface AddressBook {
  readonly domains: readonly string[];
}

const SENDER_DOMAIN = "src.test";

/** Writes letters, no two of which have a recipient in common. */
export class Writer {
  readonly #dice: Dice;
  readonly #book: AddressBook;
  #count = 0;

  constructor(dice: Dice, book: AddressBook) {
    this.#dice = dice;
    this.#book = book;
  }

  letter(facts: {
    readonly isPermitted: boolean;
    readonly recipients?: number;
    readonly octets?: number;
    readonly domain?: string;
    /** By the null sender. */
    readonly isFromNobody?: boolean;
  }): Letter {
    const dice = this.#dice;
    const number = ++this.#count;
    const key = `m${number}`;
    const from = dice.happens(facts.isFromNobody === true ? 1 : 0.12) ? "" : `s${number}@${SENDER_DOMAIN}`;
    const count = facts.recipients ?? (dice.happens(0.7) ? 1 : dice.between(2, 6));
    const octets =
      facts.octets ?? Math.floor(dice.happens(0.08) ? dice.magnitude(66_000, 250_000) : dice.magnitude(100, 6000));
    const letter = newLetter({
      key,
      from,
      isPermitted: facts.isPermitted,
      content: this.#content(key, from, octets),
      wantsNoReport: dice.happens(0.05),
      about: undefined,
    });
    let last = "";
    for (let n = 0; n < count; n++) {
      // Some differ by case only: they are two to whoever has the mailboxes (RFC 5321 section 2.4).
      const isAgain = last.startsWith("r") && dice.happens(0.1);
      last = isAgain ? last.replace("r", "R") : `r${number}.${n}@${facts.domain ?? dice.pick(this.#book.domains)}`;
      newAccount(letter, last);
    }
    return letter;
  }

  #content(key: string, from: string, octets: number): Buffer {
    const dice = this.#dice;
    const header = [
      `From: <${from === "" ? "nobody@src.test" : from}>`,
      "To: undisclosed-recipients:;",
      `Subject: letter ${key}`,
      "Date: Sat, 21 Nov 2026 00:00:00 +0000",
      `Message-ID: <${key}@src.test>`,
      `X-Letter: ${key}`,
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=iso-8859-1",
      "Content-Transfer-Encoding: 8bit",
      "",
      "",
    ].join("\r\n");
    const isEightBit = dice.happens(0.15);
    const lines: string[] = [header];
    for (let left = octets - header.length; left > 0;) {
      const line = this.#line(Math.min(left, dice.between(1, 90)), isEightBit);
      lines.push(line);
      left -= line.length;
    }
    return Buffer.from(lines.join(""), "latin1");
  }

  /** Some begin with a dot, and some are a dot. */
  #line(length: number, isEightBit: boolean): string {
    const dice = this.#dice;
    if (dice.happens(0.05)) return dice.pick([".\r\n", "..\r\n", ".end\r\n", "\r\n"]);
    const filler = isEightBit ? dice.pick(["x", "\xe4", "\xff"]) : String.fromCharCode(dice.between(97, 122));
    return `${filler.repeat(length)}\r\n`;
  }
}
