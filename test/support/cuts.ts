import { concatBytes } from "../../src/core/base/bytes.ts";
import type { Cutter, Step, Transcript } from "./transcript.ts";

// Law: how octets are cut into segments changes nothing. Where a later line has to be there before the reply
// (`@together`), that is a fact and not a cut: those octets are never cut between two lines.

type Send = Extract<Step, { kind: "send" }>;

const LF = 10;

/** The pieces between these places. */
export function slices(octets: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts, octets.length];
  return ends.map((end, i) => octets.subarray(i === 0 ? 0 : ends[i - 1], end)).filter((slice) => slice.length > 0);
}

function mayCut(send: Send, octets: Uint8Array, at: number): boolean {
  return !send.isTogether || octets[at - 1] !== LF;
}

/** Numbers in [0, 1), the same for the same seed. */
export function chances(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export const byOctet: Cutter = (send) => {
  const octets = concatBytes(send.pieces);
  return send.isTogether ? [octets] : Array.from(octets, (_, i) => octets.subarray(i, i + 1));
};

export const whole: Cutter = (send) => [concatBytes(send.pieces)];

export function atRandom(seed: number): Cutter {
  const chance = chances(seed);
  return (send) => {
    const octets = concatBytes(send.pieces);
    const cuts: number[] = [];
    for (let at = 1; at < octets.length; at++) if (chance() < 0.15 && mayCut(send, octets, at)) cuts.push(at);
    return slices(octets, cuts);
  };
}

const PLACES_MAX = 800;

/** Every cut of one send into two; where there are too many octets, those near line ends and some of the rest. */
export function inTwo(transcript: Transcript): { readonly name: string; readonly cutter: Cutter }[] {
  const sends = transcript.steps.filter((step) => step.kind === "send");
  const places = sends.flatMap((send) => {
    const octets = concatBytes(send.pieces);
    return Array.from({ length: octets.length }, (_, at) => ({ send, octets, at })).filter(
      (place) => place.at > 0 && mayCut(send, octets, place.at),
    );
  });
  const every = Math.ceil(places.length / PLACES_MAX);
  const isNearLineEnd = (octets: Uint8Array, at: number): boolean => octets[at] === LF || octets[at - 1] === LF;
  return places
    .filter(({ octets, at }, i) => i % every === 0 || (every < 20 && isNearLineEnd(octets, at)))
    .map(({ send, at }) => ({
      name: `line ${send.line} cut at octet ${at}`,
      cutter: (other) => (other === send ? slices(concatBytes(send.pieces), [at]) : whole(other)),
    }));
}
