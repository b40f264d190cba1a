import type { Arrival, Claimed, Commit, Settlement } from "../../ports/store.ts";
import type { Crossing } from "./outlet.ts";

// Contents cross between threads in one packed buffer a batch, which is moved, not copied again: a view that is cloned
// would take the whole buffer behind it along.

interface CommitMessage {
  readonly kind: "commit";
  readonly commit: Commit;
}

interface PackedArrival {
  readonly arrival: Omit<Arrival, "content">;
  readonly isInHand: boolean;
  /** Octets in `contents`; -1 where the content is a file. */
  readonly length: number;
}

export interface CommitParcel {
  readonly arrivals: readonly PackedArrival[];
  readonly settlements: readonly Settlement[];
  readonly contents: Uint8Array;
}

export const COMMIT: Crossing<CommitMessage, CommitParcel> = {
  wrap({ commit }, moved) {
    let octets = 0;
    for (const { arrival } of commit.arrivals) octets += arrival.content?.length ?? 0;
    const contents = new Uint8Array(octets);
    let at = 0;
    const arrivals = commit.arrivals.map(({ arrival, isInHand }): PackedArrival => {
      const { content, ...rest } = arrival;
      if (content === undefined) return { arrival: rest, isInHand, length: -1 };
      contents.set(content, at);
      at += content.length;
      return { arrival: rest, isInHand, length: content.length };
    });
    moved.push(contents.buffer);
    return { arrivals, settlements: commit.settlements, contents };
  },
  unwrap({ arrivals, settlements, contents }) {
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
