import net from "node:net";
import { portOwner } from "../adapters/system/port-owner.ts";
import type { Config, ListenAddress } from "../core/config/config.ts";
import { PortTakenError, StartError } from "./start-error.ts";

/**
 * Whether somebody listens there. With several listening threads a port that somebody has would be shared silently. Rejects
 * with `StartError`.
 */
export async function checkFree({ host, port }: ListenAddress): Promise<void> {
  if (port === 0) return;
  const server = net.createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, resolve);
    });
  } catch (error) {
    throw listenError(error instanceof Error ? error.message : String(error), { host, port });
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** What a thread said that cannot listen, in words that say what to do. */
export function listenFault(text: string, config: Config): StartError {
  const taken = config.listeners.find(({ listen }) => text.endsWith(`${listen.host}:${listen.port}`));
  return taken === undefined ? new StartError(text) : listenError(text, taken.listen);
}

function listenError(text: string, address: ListenAddress): StartError {
  const where = `${address.host}:${address.port}`;
  if (text.includes("EADDRINUSE")) return new PortTakenError(address, takenText(address));
  if (text.includes("EACCES"))
    return new StartError(
      `${where} may not be listened on: ports below 1024 take root at the start (and \`user\`), a socket unit, or CAP_NET_BIND_SERVICE`,
    );
  if (text.includes("EADDRNOTAVAIL"))
    return new StartError(
      `${address.host} is no address of this machine; name one that is, or 0.0.0.0 for all, in \`listeners[].listen\``,
    );
  return new StartError(`${where} cannot be listened on: ${text}`);
}

/** `127.0.0.1:25 is taken by postfix (pid 812)` */
export function takenText({ host, port }: ListenAddress): string {
  return `${host}:${port} is taken by ${portOwner(port) ?? "another program"}`;
}
