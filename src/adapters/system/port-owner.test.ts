import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { portOwner } from "./port-owner.ts";

const LISTENER =
  "const s = require('node:net').createServer().listen(0, '127.0.0.1', () => console.log(s.address().port))";

test.runIf(process.platform === "linux")(
  "who has a port is a name and a number, and nothing of its command line",
  async () => {
    const child = spawn(process.execPath, ["-e", LISTENER, "--", "--password=kept-secret"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill());
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    expect(portOwner(Number(line.toString()))).toBe(`node (pid ${child.pid})`);
  },
);
