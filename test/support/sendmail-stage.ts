import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import { AccountingSink } from "./accounting-sink.ts";
import { freePort } from "./free-port.ts";
import { programForAll } from "./program-for-all.ts";
import { RelayHome, RelayProcess, type SpawnOptions, TREE } from "./relay.ts";
import { type SendmailEnd, SendmailTalk, linkSendmail, runSendmail } from "./sendmail.ts";

/** Who these tests run as. */
export const OWN_NAME = os.userInfo().username;
export const isRoot = process.getuid?.() === 0;
export const NOBODY = 65_534;
export const DONE: SendmailEnd = { code: 0, output: "", errors: "" };

interface Stage {
  readonly home: RelayHome;
  /** The launcher, called sendmail. */
  readonly link: string;
  /** Its epochs are the relays, from 0. */
  readonly sink: AccountingSink;
  readonly spool: string;
  start(options?: SpawnOptions): Promise<RelayProcess>;
  /** As a program of this machine that knows where the configuration is. */
  send(
    args: readonly string[],
    input: string | Uint8Array,
    uid?: number,
    more?: Readonly<Record<string, string>>,
  ): Promise<SendmailEnd>;
  /** `-bs` */
  talk(): SendmailTalk;
  /** The messages as they came to the next hop. */
  mail(count: number): Promise<readonly Mail[]>;
}

interface Mail {
  readonly from: string;
  readonly recipients: readonly string[];
  readonly text: string;
}

/** A relay with a listener for programs of this machine, its spool, and a sink as its next hop. */
export async function stage(
  more: Record<string, unknown> = {},
  isOfMany = false,
  listener: Record<string, unknown> = {},
): Promise<Stage> {
  const home = new RelayHome();
  let epoch = -1;
  const sink = await AccountingSink.start({ keepsRaw: true, epoch: () => epoch });
  const port = await freePort();
  if (isOfMany) fs.chmodSync(home.folder, 0o755);
  const spool = path.join(home.folder, isOfMany ? "spool" : "data/spool");
  home.configure({
    listeners: [{ listen: `127.0.0.1:${port}`, tls: "none", ...listener }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { hop: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
    routes: [{ deliver: "hop" }],
    sendmail: { spool: isOfMany ? "./spool" : "./data/spool" },
    ...more,
  });
  onTestFinished(async () => {
    await sink.close();
    home.remove();
  });
  const { tree, node } = isOfMany ? programForAll() : { tree: TREE, node: process.execPath };
  const link = linkSendmail(home.folder, tree);
  const environment = { WAYPOST_CONFIG: home.configFile, HOME: home.folder };
  const others = { WAYPOST_SENDMAIL_SERVER: `127.0.0.1:${port}`, WAYPOST_SPOOL: spool };
  return {
    home,
    link,
    sink,
    spool,
    async start(options = {}) {
      epoch++;
      const relay = new RelayProcess(home, options);
      onTestFinished(async () => {
        relay.kill("SIGKILL");
        await relay.stop();
      });
      await relay.ports();
      return relay;
    },
    send: (args, input, uid, variables = {}) =>
      runSendmail(
        link,
        args,
        input,
        uid === undefined ? { environment: { ...environment, ...variables } } : { environment: others, uid, node },
      ),
    talk: () => new SendmailTalk(link, environment),
    async mail(count) {
      await sink.until(({ copies }) => copies.length >= count);
      return sink.copies.map(({ from, recipients, raw }) => ({ from, recipients, text: raw!.toString("latin1") }));
    },
  };
}

/** Files that wait in it. */
export function waiting(spool: string): string[] {
  return fs.readdirSync(spool).filter((name) => name !== "dead");
}
