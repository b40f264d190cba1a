// What the simulated clients and next hops know of mail, each by itself. Nothing here comes from the relay's own code.

/** A message that a next hop has, for one recipient. */
export interface Copy {
  readonly hop: string;
  /** The process of the relay that sent it. */
  readonly life: number;
  readonly at: number;
  /** The recipient was named to a next hop since. */
  isFollowed: boolean;
  /** When the relay's socket had the last octet of the 250. */
  heardAt: number | undefined;
  /** The next hop or the network kept the answer from it. */
  readonly isKeptBack: () => boolean;
}

/** What became of a delivery, as the relay recorded it. */
export interface Ending {
  readonly outcome: "delivered" | "failed" | "cancelled";
  readonly note: string;
  readonly reply: string;
  readonly at: number;
}

/** One recipient of one letter. */
export interface Account {
  readonly address: string;
  readonly letter: Letter;
  readonly copies: Copy[];
  /** The relay said 250 to its RCPT, or it had none. All that are named are one transaction (promises P1 and P2). */
  isNamed: boolean;
  row: number | undefined;
  ending: Ending | undefined;
  /** What an operator asked for, and the store has. */
  readonly wishes: Set<string>;
  leave: Leave;
  /** What a next hop did with it in the attempt that is under way; undefined: nothing that says more than that. */
  act: Act | undefined;
  /** Since it waited last it has gone another way; when, is recorded later than it is so. */
  hasMoved: boolean;
}

/**
 * `put-off`: the relay has heard a 4yz that was about it; `time-named`: and when it may come again. `content-wanted`: the
 * next hop said 354. `content-over`: it has the final dot, and the relay has heard no answer to that.
 */
export type Act = "put-off" | "time-named" | "content-wanted" | "content-over";

/**
 * An operator has it tried before its time, or elsewhere: `noted` until it comes out of a mail thread's hands, `due` until
 * somebody may have it, or it waits again.
 */
export interface Leave {
  readonly kind: "none" | "noted" | "due";
  readonly isElsewhere: boolean;
}

export const NO_LEAVE: Leave = { kind: "none", isElsewhere: false };

/** A message, as whoever wrote it knows it. */
export interface Letter {
  /** Of a client's letter what its header says; of a report its id. */
  readonly key: string;
  /** Envelope sender; empty: the null one. */
  readonly from: string;
  /** The client may relay. */
  readonly isPermitted: boolean;
  /** As it was sent, or as the store has it where the relay wrote it. */
  readonly content: Buffer;
  /** It asked for no report of failure. */
  readonly wantsNoReport: boolean;
  readonly accounts: Map<string, Account>;
  /** What the client knows of it. */
  fate: "open" | "acknowledged" | "refused" | "unknown";
  /** The relay's name for it. */
  id: string | undefined;
  /** The event in which it was committed, and the time. */
  committedIn: number | undefined;
  committedAt: number;
  /** Recipients that it has to name: of a report. */
  readonly names: string[];
  /** Of a report: the letter that it is about. */
  readonly about: Letter | undefined;
}

export function newLetter(
  facts: Pick<Letter, "key" | "from" | "isPermitted" | "content" | "wantsNoReport" | "about">,
): Letter {
  return {
    ...facts,
    accounts: new Map(),
    names: [],
    fate: "open",
    id: undefined,
    committedIn: undefined,
    committedAt: 0,
  };
}

export function newAccount(letter: Letter, address: string): Account {
  const account: Account = {
    address,
    letter,
    copies: [],
    isNamed: false,
    row: undefined,
    ending: undefined,
    wishes: new Set(),
    leave: NO_LEAVE,
    act: undefined,
    hasMoved: false,
  };
  letter.accounts.set(address, account);
  return account;
}
