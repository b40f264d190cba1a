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

/** Its notes have what it heard. */
class Talkative extends Machine {
  override receive(input: Uint8Array): this {
    super.receive(input);
    const note = this.notes.at(-1);
    if (note !== undefined) this.notes.push({ ...note, verb: Buffer.from(input).toString("latin1") });
    return this;
  }
}

test.each([
  ["hears other things where it is cut otherwise", CutDependent, "PL-3", "L1"],
  ["does not forget at RSET", Unreset, "PL-13", "L3"],
  ["takes LF . CR LF for an end", Lenient, "S-IN-5", "503|without a question|L1|no answer"],
  ["keeps what it takes twice", Twice, "PL-3", "L5"],
  ["repeats what it heard", Echo, "BYTE-1", "printable|L1"],
  ["answers behind its end", Undead, "PL-10", "L2|L1|without a question"],
  ["notes what it heard", Talkative, "BYTE-1", "L7"],
] as const)("a machine that %s is found", (_, Careless, row, law) => {
  const careless = new SessionLaws(20, (words) => new Careless(testListener(words)));
  const check = (): void => {
    for (const session of byRow.get(row)!) careless.check(session);
  };
  expect(check).toThrow(new RegExp(law));
  counted.add("plantedFound");
});

afterAll(() => {
  for (const [name, count] of Object.entries(laws.counts)) counted.add(name, count);
});
