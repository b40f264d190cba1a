import { execFile, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Letter, SENDER, expectAll, letters } from "../support/letters.ts";
import { Postfix, isPostfixPresent } from "../support/postfix.ts";
import { CERTIFICATE, IMPLICIT, STARTTLS, type Scene, scene } from "../support/scene.ts";

// Clients that others wrote send through the relay with each kind of TLS and each mechanism.

// A password that every client's options and files can carry.
const USER = { username: "app", password: "s3cret-Word" } as const;
const CONFIG = { access: { networks: [] }, credentials: [USER] };

interface Way {
  readonly name: string;
  readonly tls: "starttls" | "implicit";
  readonly mechanism: "PLAIN" | "LOGIN";
  readonly listener: number;
}

const WAYS: readonly Way[] = (["starttls", "implicit"] as const).flatMap((tls) =>
  (["PLAIN", "LOGIN"] as const).map((mechanism) => ({
    name: `${tls}, ${mechanism}`,
    tls,
    mechanism,
    listener: tls === "starttls" ? STARTTLS : IMPLICIT,
  })),
);

type Client = (found: Scene, way: Way, port: number, sent: readonly Letter[]) => Promise<void>;

/** Sends with `client`, and judges what arrived and who the relay says it came from. */
async function exchange(way: Way, sent: readonly Letter[], client: Client): Promise<void> {
  await scene({ config: CONFIG }, async (found) => {
    const { relay, sink, ports } = found;
    await client(found, way, ports[way.listener]!, sent);
    await sink.until(({ copies }) => copies.length >= sent.length, 60_000);
    expectAll(
      sent,
      sink.copies.flatMap(({ recipients, bodyHash }) => recipients.map((recipient) => ({ recipient, bodyHash }))),
    );
    expect(relay.events("auth.succeeded").every((event) => event["mechanism"] === way.mechanism)).toBe(true);
    expect(new Set(relay.events("message.accepted").map((event) => event["identity"]))).toEqual(new Set(["user app"]));
  });
}

function isPresent(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

const run = promisify(execFile);

/** It makes one empty line of an empty body by itself. */
function lettersForSwaks(name: string): Letter[] {
  return letters(name, 8).slice(1);
}

const hasSwaks = isPresent("swaks", "--version");

test.skipIf(!hasSwaks).for(WAYS)(`swaks: $name${hasSwaks ? "" : " (skipped: no swaks)"}`, async (way) => {
  await exchange(
    way,
    lettersForSwaks(`swaks-${way.tls}-${way.mechanism}`),
    async ({ home }, { tls, mechanism }, port, sent) => {
      for (const { recipient, message } of sent) {
        // It makes CR LF of LF, and puts one before the final dot.
        const file = home.write("letter", message.toString("latin1").replaceAll("\r\n", "\n").slice(0, -1));
        const server = ["--server", "127.0.0.1", "--port", String(port), tls === "starttls" ? "--tls" : "--tlsc"];
        const login = ["--auth", mechanism, "--auth-user", USER.username, "--auth-password", USER.password];
        const mail = ["--from", SENDER, "--to", recipient, "--data", `@${file}`];
        await run("swaks", [...server, ...login, ...mail, "--hide-all", "--timeout", "20"]);
      }
    },
  );
});

interface Nodemailer {
  createTransport(options: object): {
    sendMail(mail: object): Promise<{ readonly accepted: readonly string[] }>;
    close(): void;
  };
}

const nodemailer = createRequire(import.meta.url)("nodemailer") as Nodemailer;

test.for(WAYS)("nodemailer: $name", async (way) => {
  await exchange(
    way,
    letters(`nodemailer-${way.tls}-${way.mechanism}`, 20),
    async (_, { tls, mechanism }, port, sent) => {
      const transport = nodemailer.createTransport({
        host: "127.0.0.1",
        port,
        pool: true,
        maxConnections: 4,
        secure: tls === "implicit",
        requireTLS: true,
        authMethod: mechanism,
        auth: { user: USER.username, pass: USER.password },
        tls: { ca: CERTIFICATE, servername: "relay.test" },
      });
      try {
        await Promise.all(
          sent.map(({ recipient, message }) =>
            transport.sendMail({ envelope: { from: SENDER, to: [recipient] }, raw: message }),
          ),
        );
      } finally {
        transport.close();
      }
    },
  );
});

const hasPython = isPresent("python3", "-c", "import smtplib, ssl");

test.skipIf(!hasPython).for(WAYS)(`Python smtplib: $name${hasPython ? "" : " (skipped: no Python)"}`, async (way) => {
  await exchange(
    way,
    letters(`python-${way.tls}-${way.mechanism}`, 15),
    async ({ home }, { tls, mechanism }, port, sent) => {
      const files = sent.map(({ recipient, message }, at) => {
        const file = path.join(home.folder, `letter-${at}`);
        writeFileSync(file, message);
        return [recipient, file];
      });
      const program = path.join(import.meta.dirname, "smtplib_client.py");
      const child = run("python3", [program, String(port), tls, mechanism, USER.username]);
      child.child.stdin!.end(JSON.stringify({ password: USER.password, sender: SENDER, letters: files }));
      await child;
    },
  );
});

// Each kind of TLS and each mechanism once.
test.skipIf(!isPostfixPresent).for([WAYS[0]!, WAYS[3]!])(
  `Postfix, by its sendmail: $name${isPostfixPresent ? "" : " (skipped: no Postfix, or not root)"}`,
  async (way) => {
    await exchange(
      way,
      letters(`postfix-${way.tls}-${way.mechanism}`, 10),
      async ({ sink }, { tls, mechanism }, port, sent) => {
        const relayhost = `[127.0.0.1]:${port}`;
        const settings = {
          relayhost,
          smtp_tls_security_level: "encrypt",
          smtp_tls_wrappermode: tls === "implicit" ? "yes" : "no",
          smtp_sasl_auth_enable: "yes",
          smtp_sasl_password_maps: "texthash:FOLDER/etc/passwords",
          smtp_sasl_security_options: "",
          smtp_sasl_mechanism_filter: mechanism.toLowerCase(),
        };
        const postfix = await Postfix.start(settings, {
          passwords: `${relayhost} ${USER.username}:${USER.password}\n`,
        });
        try {
          for (const { recipient, message } of sent) postfix.sendmail(SENDER, recipient, message);
          await sink
            .until(({ copies }) => copies.length >= sent.length, 30_000)
            .catch((error: unknown) => {
              throw new Error(postfix.log, { cause: error });
            });
        } finally {
          postfix.stop();
        }
      },
    );
  },
);
