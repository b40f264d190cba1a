import { describe, expect, test } from "vitest";
import { atRandom, byOctet, inTwo, whole } from "../support/cuts.ts";
import { testListener } from "../support/listener.ts";
import { MachineWire } from "../support/machine-wire.ts";
import { type Cutter, byLine, parseTranscript, play } from "../support/transcript.ts";
import { tally } from "../support/recorded.ts";
import { type NamedTranscript, transcripts } from "../support/transcripts.ts";

const counted = tally("chunks");

const RANDOM_CUTS = 20;

async function playOn({ name, transcript }: NamedTranscript, cut: Cutter, how: string): Promise<void> {
  counted.add("plays");
  try {
    await play(transcript, new MachineWire(testListener(transcript.listener)), cut);
  } catch (error) {
    throw new Error(`${name}.txt, ${how}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

describe("the pure machine, a line a segment", () => {
  test.for(transcripts())("$name", async (named) => {
    await playOn(named, byLine, "a line a segment");
  });
});

describe("the pure machine, however the octets are cut", () => {
  test.for(transcripts())("$name", async (named) => {
    counted.add("transcripts");
    await playOn(named, whole, "whole");
    await playOn(named, byOctet, "octet by octet");
    for (let seed = 1; seed <= RANDOM_CUTS; seed++) await playOn(named, atRandom(seed), `cut at random, seed ${seed}`);
    const cuts = inTwo(named.transcript);
    counted.add("cutsInTwo", cuts.length);
    for (const { name: how, cutter } of cuts) await playOn(named, cutter, how);
  });
});

describe("the runner", () => {
  const run = (text: string): Promise<void> => {
    const transcript = parseTranscript(text);
    return play(transcript, new MachineWire(testListener(transcript.listener)));
  };

  test.each([
    ["another reply", "S: 220 *\nC: NOOP\nS: 251 *", "line 3: expected 251 *, got 250 2.0.0 OK"],
    ["a reply that does not come", "S: 220 *\nS: 250 *", "line 2: expected 250 *, and nothing came"],
    ["a reply too many", "S: 220 *\nC: NOOP", 'the server said more: "250 2.0.0 OK\\r\\n"'],
    ["a connection that is open", "S: 220 *\n@closed", "line 2: the connection is still open"],
    ["a message that was not kept", "S: 220 *\n@stored <a@b> <c@d>", "line 2: no message was kept"],
    ["a line that is no part of the language", "S:220", "line 1: not understood: S:220"],
  ])("notices %s", async (_, text, message) => {
    const isWrong = (): Promise<void> => Promise.resolve().then(() => run(text));
    await expect(isWrong()).rejects.toThrow(message);
  });
});
