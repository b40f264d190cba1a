import net from "node:net";
import type { SmartHost } from "../core/routing/smart-host.ts";
import { CommandFailure, EXIT } from "../surfaces/cli/failure.ts";

/** `-bs`: standard input and output are a session with the relay. Answers the exit code. */
export function talk({ host, port, isImplicitTls, credentials }: SmartHost): Promise<number> {
  if (isImplicitTls || credentials !== undefined)
    throw new CommandFailure("-bs needs a listener that a session in clear may begin at, and no login", EXIT.config);
  return new Promise((resolve) => {
    let hasBegun = false;
    const socket = net.connect({ host, port, allowHalfOpen: true });
    const finish = (code: number): void => {
      process.stdin.destroy(); // a terminal or a pipe that stays open would keep the process
      socket.destroy();
      resolve(code);
    };
    socket.on("connect", () => process.stdin.pipe(socket));
    socket.on("data", (octets: Uint8Array) => {
      hasBegun = true;
      if (!process.stdout.write(octets)) socket.pause();
    });
    process.stdout.on("drain", () => socket.resume());
    process.stdout.on("error", () => finish(EXIT.unavailable)); // whoever asked is gone
    socket.on("end", () => finish(0));
    socket.on("error", () => {
      if (!hasBegun) process.stdout.write("421 4.3.2 The relay cannot be reached, try again later\r\n");
      finish(EXIT.temporary);
    });
  });
}
