import type { Arrival, Claimed, Commit, Settlement } from "../../ports/store.ts";
import type { Crossing } from "./outlet.ts";

// Contents cross between threads in one packed buffer a batch, which is moved, not copied again: a view that is cloned
// would take the whole buffer behind it along.

interface CommitMessage {
  readonly kind: "commit";
  readonly commit: Commit;
}

/** Has no contents, and crosses as it is. */
type PlainMessage =
  | { readonly kind: "heard"; readonly number: number }
  | { readonly kind: "spooled?"; readonly number: number; readonly name: string };

/** An arrival without its content; `length` is the octets that it has in `contents`, -1 where the content is a file. */
interface PackedArrival {
  readonly arrival: Omit<Arrival, "content">;
  readonly isInHand: boolean;
  readonly length: number;
}

/** One text instead of a tree of small objects (docs/decisions/0002). */
export interface CommitParcel {
  /** JSON of the arrivals without content, and of the settlements. */
  readonly text: string;
  readonly contents: Uint8Array;
}

function packedContents(arrivals: Commit["arrivals"]): Uint8Array<ArrayBuffer> {
  let octets = 0;
  for (const { arrival } of arrivals) octets += arrival.content?.length ?? 0;
  const contents = new Uint8Array(octets);
  let at = 0;
  for (const { arrival } of arrivals) {
    if (arrival.content === undefined) continue;
    contents.set(arrival.content, at);
    at += arrival.content.length;
  }
  return contents;
}

/** What a mail thread says to the store. */
export const COMMIT: Crossing<CommitMessage | PlainMessage, CommitParcel | PlainMessage> = {
  wrap(message, moved) {
    if (message.kind !== "commit") return message;
    const { commit } = message;
    const contents = packedContents(commit.arrivals);
    moved.push(contents.buffer);
    const arrivals = commit.arrivals.map(({ arrival, isInHand }): PackedArrival => {
      const { content, ...rest } = arrival;
      return { arrival: rest, isInHand, length: content === undefined ? -1 : content.length };
    });
    return { text: JSON.stringify({ arrivals, settlements: commit.settlements }), contents };
  },
  unwrap(parcel) {
    if ("kind" in parcel) return parcel;
    const { text, contents } = parcel;
    const { arrivals, settlements } = JSON.parse(text) as { arrivals: PackedArrival[]; settlements: Settlement[] };
    let at = 0;
    const unpacked = arrivals.map(({ arrival, isInHand, length }) => {
      if (length === -1) return { arrival: { ...arrival, content: undefined }, isInHand };
      const content = contents.subarray(at, at + length);
      at += length;
      return { arrival: { ...arrival, content }, isInHand };
    });
    return { kind: "commit", commit: { arrivals: unpacked, settlements } };
  },
};

type Answer = { readonly kind: string } | { readonly kind: "claimed"; readonly claimed: readonly Claimed[] };

/** What the store says: claimed contents are buffers of their own and move. */
export function answers<Message extends Answer>(): Crossing<Message, Message> {
  return {
    wrap(message, moved) {
      if ("claimed" in message) {
        for (const { message: found } of message.claimed) {
          const buffer = found.content?.buffer;
          if (buffer instanceof ArrayBuffer && buffer.byteLength === found.content?.byteLength) moved.push(buffer);
        }
      }
      return message;
    },
    unwrap: (parcel) => parcel,
  };
}
