import * as z from "zod";
import { wordsOf } from "./describe.ts";
import { configSchema } from "./schema.ts";
import { unwrap } from "./shape.ts";

/**
 * What stands for a value that has no default, and where the default would be nothing to look at. All of it together is a
 * configuration that loads.
 */
const SAMPLES: Readonly<Record<string, string>> = {
  hostname: "relay.example.com",
  data: "./data",
  "listeners[].name": "submission",
  "listeners[].listen": '"0.0.0.0:587"',
  "listeners[].tls_certificates[].certificate": "./tls/other.pem",
  "listeners[].tls_certificates[].key": "./tls/other-key.pem",
  "listeners[].append_domain": "example.com",
  "tls.certificate": "./tls/cert.pem",
  "tls.key": "./tls/key.pem",
  "access.networks": "[127.0.0.0/8]",
  "access.senders": '["@example.com"]',
  "access.open_to_everyone": "I know what I am doing",
  "credentials[].username": "app1",
  "credentials[].password": "file:./app1.password",
  "credentials[].password_hash": '"$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH"',
  "credentials[].senders": '["@example.com"]',
  "smarthosts.NAME.url": "smtp://smtp.provider.example:587",
  "smarthosts.NAME.tls": "verify",
  "smarthosts.NAME.tls_ca": "./tls/authority.pem",
  source: "192.0.2.1",
  ehlo: "out.example.com",
  connections_per_minute: "100",
  messages_per_minute: "600",
  messages_per_connection: "100",
  "egress.NAME.family": "ipv4",
  "routes[].when.recipient": '"@partner.example"',
  "routes[].when.sender": '"@example.com"',
  "routes[].deliver": "[primary, mx]",
  "routes[].egress": "primary",
  "dns.servers": "[192.0.2.53]",
  "delivery.private_networks": "[10.1.0.0/16]",
  user: "waypost",
  "retry.schedule": "[5m, 10m, 20m, 40m, 1h, 2h, 4h]",
  "retry.expire": "5d",
  "retry.delay_notice": "4h",
  "history.keep": "14d",
  "sendmail.spool": "/var/spool/waypost",
  postmaster: "postmaster@example.com",
};

/** Keys that cannot stand beside others of the example: they are shown, and stay a comment. */
const INSTEAD: Readonly<Record<string, string>> = {
  "credentials[].password_hash": "instead of `password`",
  "access.open_to_everyone": "only where `networks` hold strangers",
};

const NAME = "primary";
const WIDTH = 100;

function sampleOf(key: string, schema: z.core.$ZodType): string {
  const sample = SAMPLES[key] ?? SAMPLES[key.split(".").at(-1)!];
  if (sample !== undefined) return sample;
  return schema instanceof z.ZodDefault ? JSON.stringify(schema.def.defaultValue) : "";
}

/** A sentence or several as lines of a comment. */
function comment(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && indent.length + line.length + word.length > WIDTH) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line].map((each) => `## ${indent}${each}`);
}

function aboutOf(schema: z.core.$ZodType): string {
  const { description = "", whenAbsent } = wordsOf(schema);
  const fallback = schema instanceof z.ZodDefault ? JSON.stringify(schema.def.defaultValue) : undefined;
  const absent = whenAbsent ?? fallback;
  return absent === undefined ? description : `${description} Without it: ${absent}.`;
}

/** The lines of a key. Those that begin with one `#` are the file, once that is taken away. */
function linesOf(name: string, key: string, schema: z.core.$ZodType, indent: string): string[] {
  const about = comment(aboutOf(schema), indent);
  const plain = unwrap(schema);
  const instead = INSTEAD[key];
  const inner = `${indent}  `;
  if (instead !== undefined)
    return [...about, ...comment(`(${instead})`, indent), `## ${indent}${name}: ${sampleOf(key, schema)}`];
  if (plain instanceof z.ZodObject) return [...about, `#${indent}${name}:`, ...below(key, plain, inner)];
  if (plain instanceof z.ZodRecord) {
    const of = unwrap(plain.def.valueType) as z.ZodObject;
    return [...about, `#${indent}${name}:`, `#${inner}${NAME}:`, ...below(`${key}.NAME`, of, `${inner}  `)];
  }
  const element = plain instanceof z.ZodArray ? unwrap(plain.def.element) : undefined;
  if (element instanceof z.ZodObject)
    return [...about, `#${indent}${name}:`, `#${inner}-`, ...below(`${key}[]`, element, `${inner}  `)];
  return [...about, `#${indent}${name}: ${sampleOf(key, schema)}`];
}

function below(prefix: string, { shape }: z.ZodObject, indent: string): string[] {
  return Object.entries(shape).flatMap(([name, schema]) => linesOf(name, `${prefix}.${name}`, schema, indent));
}

/** A whole file with every key, all of it comments: what begins with `##` is for people, what begins with `#` is the file. */
export function exampleFile(): string {
  const sections = Object.entries(configSchema.shape).map(([name, schema]) =>
    linesOf(name, name, schema, "").join("\n"),
  );
  const start = [
    "## Every key of Waypost's configuration, with its default or a sample. Take away the # of what you need;",
    "## lines with ## are words. hostname, data and one listener have to be there.",
  ];
  return `${[start.join("\n"), ...sections].join("\n\n")}\n`;
}
