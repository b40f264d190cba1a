// The arguments of sendmail, as the programs of forty years give them. Which options are heeded, which do nothing and which
// are refused is told in docs/operating/sendmail.md.

import { printable } from "../base/printable.ts";
import type { Notify } from "../mail/envelope.ts";
import { readNotify } from "../smtp/parameters.ts";

export type Order =
  /** `-bp` */
  | { readonly kind: "queue"; readonly config: string | undefined }
  /** `-q`: what waits is tried when it is due, without being told. */
  | { readonly kind: "nothing" }
  /** `-bs`: SMTP on standard input and output. */
  | { readonly kind: "dialogue"; readonly config: string | undefined }
  | LetterOrder
  | Wrong;

/** A message comes on standard input. */
export interface LetterOrder {
  readonly kind: "letter";
  /** `-C` */
  readonly config: string | undefined;
  /** `-t`: the addresses of To, Cc and Bcc are recipients too. */
  readonly readsRecipients: boolean;
  /** Without `-i`. */
  readonly endsAtDot: boolean;
  /** `-f`, as it was given. */
  readonly sender: string | undefined;
  /** `-F` */
  readonly name: string | undefined;
  readonly addresses: readonly string[];
  /** `-N` */
  readonly notify: Notify | undefined;
  /** `-R` */
  readonly ret: "full" | "hdrs" | undefined;
  /** `-V`, as it was given. */
  readonly envelopeId: string | undefined;
}

export interface Wrong {
  readonly kind: "wrong";
  /** `usage`: no such option; `unavailable`: Waypost does not do this. */
  readonly because: "usage" | "unavailable";
  readonly why: string;
}

/** Options that take what follows, or the next argument. */
const WITH_VALUE = new Set("ABCDFLNOQRVXfhopr");
/** Options that take what follows in the same argument, if anything does. */
const WITH_REST = new Set("bdeq");
const WITHOUT_VALUE = new Set("GIUcimnstvx");

const VALUES: ReadonlyMap<string, string> = new Map([
  ["f", ": the address of the sender"],
  ["r", ": the address of the sender"],
  ["F", ": the name of the sender"],
  ["C", ": the file of the configuration"],
]);

type Values = ReadonlyMap<string, string>;

function usage(why: string): Wrong {
  return { kind: "wrong", because: "usage", why };
}

function unavailable(why: string): Wrong {
  return { kind: "wrong", because: "unavailable", why };
}

interface Split {
  readonly kind: "split";
  /** The last value of each; of `-o` those that stand alone, as `oi`. */
  readonly values: Values;
  readonly addresses: readonly string[];
}

/** Options end at the first address, or at `--`, behind which an address may begin with a hyphen. */
function split(args: readonly string[]): Split | Wrong {
  const values = new Map<string, string>();
  let at = 0;
  for (; at < args.length && args[at]!.startsWith("-") && args[at] !== "-"; at++) {
    const arg = args[at]!;
    if (arg === "--") return { kind: "split", values, addresses: args.slice(at + 1) };
    for (let i = 1; i < arg.length; i++) {
      const option = arg[i]!;
      if (WITHOUT_VALUE.has(option)) values.set(option, "");
      else if (!WITH_VALUE.has(option) && !WITH_REST.has(option))
        return usage(`there is no option ${printable(arg, 40)}`);
      else {
        const rest = arg.slice(i + 1);
        const isNext = rest === "" && WITH_VALUE.has(option);
        if (isNext && at + 1 === args.length) return usage(`-${option} needs a value${VALUES.get(option) ?? ""}`);
        const value = isNext ? args[++at]! : rest;
        values.set(option === "o" ? `o${value}` : option, value);
        break;
      }
    }
  }
  const addresses = args.slice(at);
  const late = addresses.find((address) => address.startsWith("-"));
  if (late !== undefined)
    return usage(`${printable(late, 40)} stands behind an address: options go first, or -- before all addresses`);
  return { kind: "split", values, addresses };
}

const REFUSED_MODES: ReadonlyMap<string, string> = new Map([
  ["a", "-ba: ARPANET mode is not there"],
  ["d", "-bd: the relay is started with `waypost start`"],
  ["D", "-bD: the relay is started with `waypost start`"],
  ["h", "-bh: there is no host status; see `waypost status`"],
  ["H", "-bH: there is no host status; see `waypost status`"],
  ["i", "-bi: there are no aliases: the relay has no mailboxes"],
  ["t", "-bt: there is no address test; routes are in the configuration (`waypost config check`)"],
  ["v", "-bv: addresses cannot be verified here; the next hop knows them"],
]);

export function parseArguments(args: readonly string[]): Order {
  const found = split(args);
  if (found.kind === "wrong") return found;
  const { values } = found;
  const config = values.get("C");
  const mode = values.get("b") ?? (values.has("I") ? "i" : values.has("s") ? "s" : "m");
  if (mode === "p") return { kind: "queue", config };
  if (mode === "s") return { kind: "dialogue", config };
  const refused = REFUSED_MODES.get(mode);
  if (refused !== undefined) return unavailable(refused);
  if (mode !== "m") return usage(`there is no mode -b${printable(mode, 20)}`);
  if (values.has("q") || values.has("Q")) return { kind: "nothing" };
  return letterOrder(found, config);
}

function letterOrder({ values, addresses }: Split, config: string | undefined): LetterOrder | Wrong {
  const notify = values.get("N");
  const notified = notify === undefined ? undefined : readNotify(notify);
  if (notify !== undefined && notified === undefined)
    return usage("-N takes never, or some of success,failure,delay with commas between");
  const ret = values.get("R")?.toLowerCase();
  if (ret !== undefined && ret !== "full" && ret !== "hdrs") return usage("-R takes full or hdrs");
  return {
    kind: "letter",
    config,
    readsRecipients: values.has("t"),
    endsAtDot: !values.has("i") && !values.has("oi"),
    sender: values.get("f") ?? values.get("r"),
    name: values.get("F"),
    addresses,
    notify: notified,
    ret,
    envelopeId: values.get("V"),
  };
}
