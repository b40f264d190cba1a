// The configuration without a file. One row for each variable: it is what is read, what the reference page shows, and what a
// misspelt name is compared with.

import { nearest } from "../../core/base/nearest.ts";
import { printable } from "../../core/base/printable.ts";
import type { Environment } from "./find.ts";

export interface Variable {
  readonly name: string;
  /** What the common Postfix containers call it. */
  readonly secondName?: string;
  /** For the reference page. */
  readonly description: string;
  /** What it is where it is not set, if that is a value. */
  readonly fallback?: string;
  /** What holds then, in words; what the value means, if there is one. */
  readonly whenAbsent?: string;
  /** What the file is that NAME_FILE names: the value, a value that others may not read, or a PEM file, which is the value itself. */
  readonly file: "value" | "secret" | "pem";
}

export const VARIABLES = [
  {
    name: "WAYPOST_RELAYHOST",
    secondName: "RELAYHOST",
    description:
      "The smart host: `smtp://USER:PASSWORD@HOST:587`, as in `smarthosts.NAME.url`, or `HOST`, `HOST:587`, `USER:PASSWORD@HOST:587`, `[HOST]:587`, as Postfix writes it (the addresses of that name; MX records are not asked for). Port 465 begins with TLS.",
    whenAbsent: "without a file there is no configuration",
    file: "secret",
  },
  {
    name: "WAYPOST_RELAYHOST_USERNAME",
    secondName: "RELAYHOST_USERNAME",
    description: "User name at the smart host. As it is: nothing is percent-encoded.",
    whenAbsent: "the one in the URL, or no login",
    file: "value",
  },
  {
    name: "WAYPOST_RELAYHOST_PASSWORD",
    secondName: "RELAYHOST_PASSWORD",
    description: "Its password, as it is. With a login, TLS with a good certificate is a condition.",
    whenAbsent: "the one in the URL, or no login",
    file: "secret",
  },
  {
    name: "WAYPOST_RELAYHOST_CA",
    description:
      "Path of a PEM file with an authority to trust besides the system's, as `smarthosts.NAME.tls_ca`. TLS with a good certificate is a condition then, also without a login.",
    whenAbsent: "the system's authorities",
    file: "pem",
  },
  {
    name: "WAYPOST_LISTEN",
    description:
      "Addresses and ports. Without TLS; as soon as there is a certificate with STARTTLS, and at port 465 with TLS from the beginning.",
    fallback: "0.0.0.0:2525, 0.0.0.0:2587",
    file: "value",
  },
  {
    name: "WAYPOST_NETWORKS",
    secondName: "MYNETWORKS",
    description: "Clients that may relay without a password, as `access.networks`.",
    fallback: "127.0.0.0/8, ::1",
    whenAbsent: "this machine (or container) only",
    file: "value",
  },
  {
    name: "WAYPOST_SUBMIT_USERNAME",
    description: "Clients that give this name and its password may relay from everywhere.",
    whenAbsent: "nobody can log in",
    file: "value",
  },
  {
    name: "WAYPOST_SUBMIT_PASSWORD",
    description: "Its password, as it is. Taken over TLS only, and an error without a certificate.",
    whenAbsent: "nobody can log in",
    file: "secret",
  },
  {
    name: "WAYPOST_SENDERS",
    secondName: "ALLOWED_SENDER_DOMAINS",
    description:
      "Envelope senders that clients may use, whether they come from a network or with a password: `app@example.com`, `@example.com`, `@*.example.com`, `*`, and `<>`, which has to be named. `ALLOWED_SENDER_DOMAINS` has domains, each with all below it.",
    whenAbsent: "every address; from networks the null reverse-path too",
    file: "value",
  },
  {
    name: "WAYPOST_HOSTNAME",
    description: "Name of the relay, as `hostname`.",
    whenAbsent: "the name of the machine",
    file: "value",
  },
  {
    name: "WAYPOST_DATA",
    description: "Folder of the queue, as `data`.",
    fallback: "./waypost-data",
    file: "value",
  },
  {
    name: "WAYPOST_SPOOL",
    description: "Folder where `waypost sendmail` leaves mail while the relay is not there, as `sendmail.spool`.",
    whenAbsent: "`spool` in the data folder",
    file: "value",
  },
  {
    name: "WAYPOST_TLS_CERTIFICATE",
    description: "Path of the PEM file of the certificate, with its chain.",
    whenAbsent: "no listener has TLS",
    file: "pem",
  },
  {
    name: "WAYPOST_TLS_KEY",
    description: "Path of the PEM file of its private key.",
    whenAbsent: "no listener has TLS",
    file: "pem",
  },
] as const satisfies readonly Variable[];

export type VariableName = (typeof VARIABLES)[number]["name"];

/** What the program itself reads, whatever the configuration is. */
const OF_THE_PROGRAM = ["WAYPOST_CONFIG", "WAYPOST_SEND_PASSWORD", "WAYPOST_SENDMAIL_SERVER", "WAYPOST_LAUNCHER"];
/** What makes a configuration where there would be none. */
const DECISIVE: ReadonlySet<string> = new Set(["WAYPOST_RELAYHOST", "WAYPOST_RELAYHOST_FILE", "WAYPOST_CONFIG"]);
const PREFIX = "WAYPOST_";
const KNOWN = [...VARIABLES.flatMap(({ name }) => [name, `${name}_FILE`]), ...OF_THE_PROGRAM];
// Kubernetes tells every container of the services beside it, and one may be called waypost.
const OF_A_SERVICE = /_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$|_PORT_\d+_[A-Z]+(_[A-Z]+)?$/;

/** Both of its names, and the files in place of them. */
export function namesOf({ name, secondName }: Variable): readonly string[] {
  return [name, ...(secondName === undefined ? [] : [secondName])].flatMap((each) => [each, `${each}_FILE`]);
}

/** An empty variable is as good as none: that is how a compose file passes on what is not set. */
export function isSet(environment: Environment, name: string): boolean {
  return (environment[name] ?? "") !== "";
}

/** The variable that has the configuration begin, by whichever of its names. */
export function relayhostIn(environment: Environment): string | undefined {
  return namesOf(VARIABLES[0]).find((name) => isSet(environment, name));
}

function isUnknown(name: string, value: string | undefined): boolean {
  if (!name.startsWith(PREFIX) || value === undefined || KNOWN.includes(name)) return false;
  return !OF_A_SERVICE.test(name) && !(name.endsWith("_PORT") && /^(tcp|udp|sctp):/.test(value));
}

/** What all have in common says nothing of which is meant. */
function meantBy(name: string): string | undefined {
  const rest = (whole: string): string => whole.slice(PREFIX.length).toLowerCase();
  const meant = nearest(rest(name), KNOWN.map(rest));
  return meant === undefined ? undefined : `${PREFIX}${meant.toUpperCase()}`;
}

/** A line for each variable that looks like one of ours and is none. */
export function unknownVariables(environment: Environment): readonly string[] {
  return Object.entries(environment).flatMap(([name, value]) => {
    if (!isUnknown(name, value)) return [];
    const meant = meantBy(name);
    const hint = meant === undefined ? "it has no effect" : `did you mean ${meant}?`;
    return [`${printable(name)}: there is no such variable; ${hint}`];
  });
}

/** Those for want of which there is no configuration. */
export function slipsOfNames(environment: Environment): readonly string[] {
  const slips = Object.fromEntries(
    Object.entries(environment).filter(([name]) => name.startsWith(PREFIX) && DECISIVE.has(meantBy(name) ?? "")),
  );
  return unknownVariables(slips);
}

/** A line for each variable that would be the configuration, were there no file. The image of a container sets WAYPOST_DATA; sendmail reads WAYPOST_SPOOL too. */
export function variablesBeside(file: string, text: string, environment: Environment): readonly string[] {
  return VARIABLES.filter(({ name }) => name !== "WAYPOST_DATA" && name !== "WAYPOST_SPOOL")
    .flatMap(({ name }) => [name, `${name}_FILE`])
    .filter((name) => isSet(environment, name) && !text.includes(`\${${name}}`))
    .map((name) => `${name}: has no effect, for the configuration is ${file}; name the variable there, or unset it`);
}
