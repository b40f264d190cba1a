import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { symlinkSync } from "node:fs";
import path from "node:path";
import { PATIENCE_MS } from "./patience.ts";
import { TREE } from "./relay.ts";

export interface SendmailEnd {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

interface SendmailOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** A user to run as, for root. */
  readonly uid?: number;
  readonly cwd?: string;
  readonly node?: string;
}

/** A link to the launcher that is called sendmail, as programs find it; answers its path. */
export function linkSendmail(folder: string, tree = TREE): string {
  const link = path.join(folder, "sendmail");
  symlinkSync(path.join(tree, "bin/waypost.mjs"), link);
  return link;
}

/** Runs it to its end, with `input` on standard input. */
export function runSendmail(
  link: string,
  args: readonly string[],
  input: string | Uint8Array,
  { environment = {}, uid, cwd = "/", node = process.execPath }: SendmailOptions = {},
): Promise<SendmailEnd> {
  const child = spawn(node, [link, ...args], {
    cwd,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: PATIENCE_MS,
    env: { PATH: process.env["PATH"], ...environment },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  child.stdin.on("error", () => undefined); // it may end without reading all of it
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output, errors }));
  });
}

/** `sendmail -bs`, and whoever talks to it. */
export class SendmailTalk {
  readonly #child: ChildProcessWithoutNullStreams;
  #output = "";
  #wake: (() => void) | undefined;
  /** The exit code. */
  readonly ended: Promise<number | null>;

  constructor(link: string, environment: Readonly<Record<string, string>>) {
    const env = { PATH: process.env["PATH"], ...environment };
    this.#child = spawn(process.execPath, [link, "-bs"], { cwd: "/", env, timeout: PATIENCE_MS });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text;
      this.#wake?.();
    });
    this.ended = new Promise((resolve) =>
      this.#child.once("close", (code) => {
        resolve(code);
        this.#wake?.();
      }),
    );
  }

  say(text: string): void {
    this.#child.stdin.write(text);
  }

  /** What it said since the last time, once that is as it should be. */
  async heard(form: RegExp): Promise<string> {
    while (!form.test(this.#output)) {
      if (this.#child.exitCode !== null) throw new Error(`it ended, having said ${JSON.stringify(this.#output)}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const output = this.#output;
    this.#output = "";
    return output;
  }
}
