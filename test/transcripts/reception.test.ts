import { describe, test } from "vitest";
import { atRandom, whole } from "../support/cuts.ts";
import { testListener } from "../support/listener.ts";
import { ReceptionWire } from "../support/reception-wire.ts";
import { type Cutter, byLine, play } from "../support/transcript.ts";
import { transcripts } from "../support/transcripts.ts";

const CUTS: readonly { readonly how: string; readonly cutter: Cutter }[] = [
  { how: "a line a segment", cutter: byLine },
  { how: "whole", cutter: whole },
  { how: "cut at random", cutter: atRandom(1) },
];

describe.for(CUTS)("the engine's reception, $how", ({ cutter }) => {
  test.for(transcripts())("$name", async ({ transcript }) => {
    await play(transcript, new ReceptionWire(testListener(transcript.listener)), cutter);
  });
});
