import { mkdirSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RelayHome, runCommand } from "../support/relay.ts";

// Commands of one version, and a relay of another, whose answers have another form.

/** A folder where somebody answers everything with `body`. */
async function answering(body: string, headers: Readonly<Record<string, string>>): Promise<RelayHome> {
  const home = new RelayHome();
  onTestFinished(() => home.remove());
  mkdirSync(home.data, { mode: 0o700 });
  const server = http.createServer((request, response) => {
    request.resume();
    response.writeHead(200, headers).end(body);
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(path.join(home.data, "control.sock"), resolve));
  return home;
}

const COMMANDS = [
  "status",
  "queue list",
  "queue list --count",
  "queue show 0VbfQUpNXUfJly",
  "trace 0VbfQUpNXUfJly",
  "queue hold 0VbfQUpNXUfJly",
  "queue cancel --all --yes",
  "history prune",
];

test.each(["7", "{}", "[[]]"])("whose answer is %s: no command shows a stack trace", async (body) => {
  const home = await answering(body, { "waypost-version": "99.1.2" });
  let strange = 0;
  for (const command of COMMANDS) {
    const { code, errors } = await runCommand([...command.split(" "), "--data", "data"], { cwd: home.folder });
    expect(errors, command).not.toMatch(/^ +at /m);
    if (code === 0 || !errors.includes("does not know")) continue;
    strange++;
    expect({ code, errors }, command).toEqual({
      code: 69,
      errors: expect.stringMatching(
        /^waypost: the relay answered something that this version does not know: it is version 99\.1\.2, and this command is of version \d+\.\d+\.\d+; use the same one\n$/,
      ) as string,
    });
  }
  expect(strange).toBeGreaterThan(2);
});

test("an answer that is no JSON, and one of a relay that does not say its version", async () => {
  const broken = await answering("<html>", { "waypost-version": "99.1.2" });
  expect(await runCommand(["status", "--data", "data"], { cwd: broken.folder })).toMatchObject({
    code: 69,
    errors: expect.stringMatching(/cannot be asked: what it answered is no JSON\n$/) as string,
  });
  const silent = await answering("7", {});
  expect(await runCommand(["status", "--data", "data"], { cwd: silent.folder })).toMatchObject({
    code: 69,
    errors: expect.stringMatching(/it is another version, older than those that say which, and .*\n$/) as string,
  });
});
