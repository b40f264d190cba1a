import { afterAll, describe, expect, test } from "vitest";
import { octets, testListener } from "../support/listener.ts";
import { Machine } from "../support/machine.ts";
import { isProof } from "../support/proof.ts";
import { tally } from "../support/recorded.ts";
import { type RowSession, rowSessions, rowsWithout } from "./row-sessions.ts";
import { SessionLaws } from "./session-laws.ts";

// The standing laws on every row of the catalogue that is a client's octets.

const counted = tally("laws");

const SESSIONS_MAX = isProof ? Number.POSITIVE_INFINITY : 8;
const laws = new SessionLaws(isProof ? 400 : 20);
const byRow = Map.groupBy(rowSessions(), ({ row }) => row);

/** Where a row has many, every so many of them. */
function some(sessions: readonly RowSession[]): readonly RowSession[] {
  const every = Math.ceil(sessions.length / SESSIONS_MAX) || 1;
  return sessions.filter((_, n) => n % every === 0);
}

describe("every row that is a client's octets keeps the laws", () => {
  test.for([...byRow])("%s", ([row, sessions]) => {
    counted.add("rows");
    for (const session of some(sessions)) {
      try {
        laws.check(session);
      } catch (error) {
        throw new Error(`${row}, ${session.what}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    }
  });
});

test("no row is without a session, unless something else is said of it", () => {
  expect(rowsWithout()).toEqual([]);
});

/** It hears the second of two reads without its first octet. */
class CutDependent extends Machine {
  #reads = 0;
  override receive(input: Uint8Array): this {
    return super.receive(++this.#reads % 2 === 0 ? input.subarray(1) : input);
  }
}

/** A session that is reset goes on with what it had. */
class Unreset extends Machine {
  override receive(input: Uint8Array): this {
    return super.receive(Buffer.from(input).toString("latin1") === "RSET\r\n" ? octets("NOOP\r\n") : input);
  }
}

/** LF . CR LF ends content. */
class Lenient extends Machine {
  override receive(input: Uint8Array): this {
    const text = Buffer.from(input).toString("latin1");
    return super.receive(octets(text.replaceAll(/(?<!\r)\n\.\r\n/g, "\r\n.\r\n")));
  }
}

/** What it takes is kept twice. */
class Twice extends Machine {
  override receive(input: Uint8Array): this {
    const before = this.stored.length;
    super.receive(input);
    this.stored.push(...this.stored.slice(before));
    return this;
  }
}

/** It says again what it heard. */
class Echo extends Machine {
  override receive(input: Uint8Array): this {
    super.receive(input);
    if (this.output.startsWith("5")) this.output = `500 ${Buffer.from(input).toString("latin1").trim()}\r\n`;
    return this;
  }
}

/** It answers behind its end. */
class Undead extends Machine {
  override receive(input: Uint8Array): this {
    const wasClosed = this.isClosed;
    super.receive(input);
    if (wasClosed) this.output += "500 5.5.1 what\r\n";
    return this;
  }
}

/** It keeps all that it heard. */
class Hoarder extends Machine {
  override get backlog(): number {
    return 70_000;
  }
}

/** It thinks about each read for longer than others like to wait. */
class Ponderer extends Machine {
  override receive(input: Uint8Array): this {
    const before = process.threadCpuUsage();
    const spent = (): number => {
      const { user, system } = process.threadCpuUsage(before);
      return (user + system) / 1000;
    };
    while (spent() < 25);
    return super.receive(input);
  }
}

/** What it takes is kept with another last line. */
class Rewriter extends Machine {
  override receive(input: Uint8Array): this {
    super.receive(input);
    const last = this.stored.pop();
    if (last !== undefined) this.stored.push({ ...last, content: octets("x\r\n") });
    return this;
  }
}

/** An error in content leads back to commands before its end. */
class Impatient extends Machine {
  override receive(input: Uint8Array): this {
    const text = Buffer.from(input).toString("latin1");
    return super.receive(octets(text.replaceAll("\n.\n", "\r\n.\r\n")));
  }
}

/** Its notes have what it heard. */
class Talkative extends Machine {
  override receive(input: Uint8Array): this {
    super.receive(input);
    const note = this.notes.at(-1);
    if (note !== undefined) this.notes.push({ ...note, verb: Buffer.from(input).toString("latin1") });
    return this;
  }
}

// Each law alone, so that none leans on another.
test.each([
  ["hears other things where it is cut otherwise", CutDependent, "PL-3", "L1", /^L1/],
  ["answers behind its end", Undead, "PL-10", "L2", /^L2, an answer behind the end/],
  ["keeps all that it heard", Hoarder, "PL-3", "L2", /^L2, octets that are kept/],
  ["ponders each read", Ponderer, "PL-3", "L2", /^L2, a read that takes long/],
  ["does not forget at RSET", Unreset, "PL-13", "L3", /^L3, RCPT, DATA and BDAT behind RSET/],
  ["takes LF . CR LF for an end", Lenient, "S-IN-5", "L3", /^L3, /],
  ["goes back to commands at LF . LF", Impatient, "S-IN-10", "L3", /^L3, /],
  ["keeps what it takes twice", Twice, "PL-3", "L5", /^L5, messages/],
  ["keeps something else than it took", Rewriter, "PL-3", "L5", /^L5, content/],
  ["repeats what it heard", Echo, "BYTE-1", "L7", /^L7/],
  ["notes what it heard", Talkative, "BYTE-1", "L7", /^L7/],
] as const)("a machine that %s is found", (_, Careless, row, law, found) => {
  const careless = new SessionLaws(20, (words) => new Careless(testListener(words)));
  const check = (): void => {
    for (const session of byRow.get(row)!) careless.keep(law, session);
  };
  expect(check).toThrow(found);
  counted.add("plantedFound");
});

afterAll(() => {
  for (const [name, count] of Object.entries(laws.counts)) counted.add(name, count);
});
