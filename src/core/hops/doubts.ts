import { day } from "../base/time.ts";
import { span } from "../base/span.ts";
import type { Timing } from "./clocks.ts";
import { organizationOf, ownNames, ownerOf, reachOf, serverName } from "./host-names.ts";
import { type Peer, addressIn } from "./peer.ts";
import type { Stamp } from "./received.ts";

// What does not fit. A stamp is as true as who wrote it: those of servers that one knows are, what stands below them may
// have been in the message already when its sender handed it over. Nobody is accused here.

/** No clock is off by as much, as a rule. */
const CLOCK_OFF_MAX = 1 * day;

interface Place {
  readonly stamp: Stamp;
  readonly before: Stamp | undefined;
  readonly timing: Timing;
}

/** For each hop, bottom to top. */
export function doubtsOf(stamps: readonly Stamp[], timings: readonly Timing[]): readonly (readonly string[])[] {
  const seen = new Map<string, number>();
  return stamps.map((stamp, at) => {
    const place = { stamp, before: stamps[at - 1], timing: timings[at]! };
    const found = [...CHECKS.map((check) => check(place)), seenBefore(stamp, at + 1, seen)];
    return found.filter((doubt) => doubt !== undefined);
  });
}

type Check = (place: Place) => string | undefined;

const CHECKS: readonly Check[] = [
  literal,
  impossible,
  forgedName,
  ownName,
  unlinked,
  privateFromAfar,
  tooFarBack,
  unbalanced,
];

/** The client's literal is another address than the one that it came from; a private one is what NAT makes. */
function literal({ stamp: { from } }: Place): string | undefined {
  if (from === undefined || !from.hello.startsWith("[")) return undefined;
  const said = addressIn(from.hello);
  if (said === "" || from.address === "" || said === from.address || reachOf(said) !== "public") return undefined;
  return `the client called itself ${from.hello}, and came from ${from.address}`;
}

function impossible({ stamp: { from } }: Place): string | undefined {
  if (from === undefined) return undefined;
  if (from.address === "" && /^\[[0-9.]+\]$/.test(from.hello)) return `${from.hello} is no address`;
  return from.address !== "" && reachOf(from.address) === "nobody"
    ? `no host has the address ${from.address}`
    : undefined;
}

function forgedName({ stamp: { from } }: Place): string | undefined {
  if (from?.mayBeForged !== true) return undefined;
  return `the server found that the name ${from.name} and the address ${from.address} do not lead to each other`;
}

function ownName({ stamp, before }: Place): string | undefined {
  const { from, by } = stamp;
  if (from === undefined || by === "" || from.hello.toLowerCase() !== by.toLowerCase()) return undefined;
  const isNeighbour = from.address === "" || reachOf(from.address) !== "public" || from.address === stamp.byAddress;
  const isAgain = before !== undefined && ownNames(before).some((name) => sameOwner(name, by));
  return isNeighbour || isAgain ? undefined : `the client at ${from.address} called itself by this server's own name`;
}

/** Whom the hop before was stamped by should be whom this one got the message from. */
function unlinked({ stamp: { from }, before }: Place): string | undefined {
  if (from === undefined || before === undefined || isLinked(before, from)) return undefined;
  const who = [...new Set([from.hello, from.name, from.address])].filter((text) => text !== "" && text !== "unknown");
  return (
    `the hop before was stamped by ${serverName(before)}, this one came from ${who.join(", ")}: ` +
    "a server between them left no stamp, or one of the two is not true"
  );
}

function isLinked(before: Stamp, from: Peer): boolean {
  if (from.address !== "" && (from.address === before.byAddress || isInner(from.address))) return true;
  const senders = ownNames(before);
  const clients = [from.hello, from.name].filter((name) => name !== "" && name !== "unknown");
  if (senders.every((name) => organizationOf(name) === "") || clients.every((name) => organizationOf(name) === ""))
    return true; // names that say nothing contradict nothing
  return senders.some((sender) => clients.some((client) => sameOwner(sender, client) || sameMachine(sender, client)));
}

/** Behind it names are those of one network. */
function isInner(address: string): boolean {
  const reach = reachOf(address);
  return reach === "private" || reach === "loopback";
}

function sameOwner(one: string, other: string): boolean {
  const owner = ownerOf(one);
  return owner === "" ? one.toLowerCase() === other.toLowerCase() : owner === ownerOf(other);
}

const MACHINE_LETTERS_MIN = 8; // `mx1` and `mail` are everybody's

/** One host has a name in several domains of its owner. */
function sameMachine(one: string, other: string): boolean {
  const [label = ""] = one.toLowerCase().split(".", 1);
  return label.length >= MACHINE_LETTERS_MIN && label === other.toLowerCase().split(".", 1)[0];
}

/** A private address leads nowhere outside of its network. */
function privateFromAfar({ stamp, before }: Place): string | undefined {
  const { from } = stamp;
  if (from === undefined || before === undefined || from.address === "" || reachOf(from.address) !== "private")
    return undefined;
  const [here, there] = [ownerOf(stamp.by), ownerOf(before.by)];
  if (here === "" || there === "" || here === there) return undefined;
  return `the message was at ${before.by}, and came to ${stamp.by} from ${from.address}, which is an address of a private network`;
}

function tooFarBack({ timing: { back } }: Place): string | undefined {
  if (back < CLOCK_OFF_MAX) return undefined;
  return `${span(back)} back is more than a clock is off, as a rule`;
}

function unbalanced({ stamp: { isUnbalanced } }: Place): string | undefined {
  return isUnbalanced ? "a parenthesis or a quote in it has no other end" : undefined;
}

/** Microsoft's servers have their version where others have an id. */
const VERSION = /^[0-9]{1,5}(\.[0-9]{1,5}){1,4}$/;

function seenBefore({ by, id }: Stamp, number: number, seen: Map<string, number>): string | undefined {
  if (by === "" || id === "" || VERSION.test(id)) return undefined;
  const key = `${by.toLowerCase()} ${id}`;
  const earlier = seen.get(key);
  if (earlier !== undefined) return `hop ${earlier} has the same server and id`;
  seen.set(key, number);
  return undefined;
}
