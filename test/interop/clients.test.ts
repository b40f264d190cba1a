import { execFile, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Letter, SENDER, expectAll, letters } from "../support/letters.ts";
import { Postfix, isPostfixPresent } from "../support/postfix.ts";
import { CERTIFICATE, IMPLICIT, STARTTLS, type Scene, setScene } from "../support/scene.ts";

// Clients that others wrote send through the relay with each kind of TLS and each mechanism.

// A password that every client's options and files can carry.
const PASSWORD = "s3cret-Word";

interface Way {
  readonly name: string;
  readonly tls: "starttls" | "implicit";
  readonly mechanism: "PLAIN" | "LOGIN";
  readonly listener: number;
  /** Nobody else's. */
  readonly username: string;
}

const waysOf = (client: string): readonly Way[] =>
  (["starttls", "implicit"] as const).flatMap((tls) =>
    (["PLAIN", "LOGIN"] as const).map((mechanism) => ({
      name: `${tls}, ${mechanism}`,
      tls,
      mechanism,
      listener: tls === "starttls" ? STARTTLS : IMPLICIT,
      username: `${client}-${tls}-${mechanism.toLowerCase()}`,
    })),
  );

const [SWAKS, NODEMAILER, SMTPLIB, POSTFIX] = [
  waysOf("swaks"),
  waysOf("nodemailer"),
  waysOf("python"),
  waysOf("postfix"),
];
const CONFIG = {
  access: { networks: [] },
  credentials: [...SWAKS, ...NODEMAILER, ...SMTPLIB, ...POSTFIX].map(({ username }) => ({
    username,
    password: PASSWORD,
  })),
};

type Client = (found: Scene, way: Way, port: number, sent: readonly Letter[]) => Promise<void>;

let set: Scene & { end(): Promise<void> };

beforeAll(async () => {
  set = await setScene({ config: CONFIG });
});

afterAll(() => set.end());

/** Sends with `client`, and judges what arrived and who the relay says it came from. */
async function exchange(way: Way, sent: readonly Letter[], client: Client): Promise<void> {
  const { relay, sink, ports } = set;
  const copiesBefore = sink.copies.length;
  await client(set, way, ports[way.listener]!, sent);
  await sink.until(({ copies }) => copies.length >= copiesBefore + sent.length);
  expectAll(
    sent,
    sink.copies
      .slice(copiesBefore)
      .flatMap(({ recipients, bodyHash }) => recipients.map((recipient) => ({ recipient, bodyHash }))),
  );
  const { username, mechanism } = way;
  const accepted = (): number =>
    relay.events("message.accepted").filter(({ identity }) => identity === `user ${username}`).length;
  await expect.poll(accepted).toBe(sent.length);
  const logins = relay.events("auth.succeeded").filter((event) => event["username"] === username);
  expect(new Set(logins.map((event) => event["mechanism"]))).toEqual(new Set([mechanism]));
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

test.skipIf(!hasSwaks).for(SWAKS)(`swaks: $name${hasSwaks ? "" : " (skipped: no swaks)"}`, async (way) => {
  await exchange(way, lettersForSwaks(way.username), async ({ home }, { tls, mechanism, username }, port, sent) => {
    for (const { recipient, message } of sent) {
      // It makes CR LF of LF, and puts one before the final dot.
      const file = home.write("letter", message.toString("latin1").replaceAll("\r\n", "\n").slice(0, -1));
      const server = ["--server", "127.0.0.1", "--port", String(port), tls === "starttls" ? "--tls" : "--tlsc"];
      const login = ["--auth", mechanism, "--auth-user", username, "--auth-password", PASSWORD];
      const mail = ["--from", SENDER, "--to", recipient, "--data", `@${file}`];
      await run("swaks", [...server, ...login, ...mail, "--hide-all", "--timeout", "20"]);
    }
  });
});

interface Nodemailer {
  createTransport(options: object): {
    sendMail(mail: object): Promise<{ readonly accepted: readonly string[] }>;
    close(): void;
  };
}

const nodemailer = createRequire(import.meta.url)("nodemailer") as Nodemailer;

test.for(NODEMAILER)("nodemailer: $name", async (way) => {
  await exchange(way, letters(way.username, 20), async (_, { tls, mechanism, username }, port, sent) => {
    const transport = nodemailer.createTransport({
      host: "127.0.0.1",
      port,
      pool: true,
      maxConnections: 4,
      secure: tls === "implicit",
      requireTLS: true,
      authMethod: mechanism,
      auth: { user: username, pass: PASSWORD },
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
  });
});

const hasPython = isPresent("python3", "-c", "import smtplib, ssl");

test.skipIf(!hasPython).for(SMTPLIB)(
  `Python smtplib: $name${hasPython ? "" : " (skipped: no Python)"}`,
  async (way) => {
    await exchange(way, letters(way.username, 15), async ({ home }, { tls, mechanism, username }, port, sent) => {
      const files = sent.map(({ recipient, message }, at) => {
        const file = path.join(home.folder, `letter-${at}`);
        writeFileSync(file, message);
        return [recipient, file];
      });
      const program = path.join(import.meta.dirname, "smtplib_client.py");
      const child = run("python3", [program, String(port), tls, mechanism, username]);
      child.child.stdin!.end(JSON.stringify({ password: PASSWORD, sender: SENDER, letters: files }));
      await child;
    });
  },
);

// Each kind of TLS and each mechanism once.
test.skipIf(!isPostfixPresent).for([POSTFIX[0]!, POSTFIX[3]!])(
  `Postfix, by its sendmail: $name${isPostfixPresent ? "" : " (skipped: no Postfix, or not root)"}`,
  async (way) => {
    await exchange(way, letters(way.username, 10), async ({ sink }, { tls, mechanism, username }, port, sent) => {
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
        passwords: `${relayhost} ${username}:${PASSWORD}\n`,
      });
      try {
        const delivered = sink.copies.length + sent.length;
        for (const { recipient, message } of sent) postfix.sendmail(SENDER, recipient, message);
        await sink
          .until(({ copies }) => copies.length >= delivered)
          .catch((error: unknown) => {
            throw new Error(postfix.log, { cause: error });
          });
      } finally {
        postfix.stop();
      }
    });
  },
);
