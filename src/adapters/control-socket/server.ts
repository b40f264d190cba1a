import fs from "node:fs";
import http from "node:http";
import { CONTROL } from "../../core/base/limits.ts";

interface Answers {
  status(): unknown;
  list(query: { readonly limit: number; readonly after: string | undefined }): unknown;
  show(id: string): unknown;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const LIMIT_DEFAULT = 50;

/** JSON over HTTP on a unix socket in the data folder, for who may read that folder. */
export class SocketServer {
  readonly #file: string;
  readonly #answers: Answers;
  readonly #server: http.Server;

  /** `failed` hears what is wrong with the socket; it is tried again. */
  constructor(file: string, answers: Answers, failed: (text: string) => void) {
    this.#file = file;
    this.#answers = answers;
    this.#server = http.createServer({ requestTimeout: CONTROL.request }, (request, response) =>
      this.#serve(request, response),
    );
    this.#server.on("error", (error) => {
      failed(error.message);
      if (!this.#server.listening) setTimeout(() => this.listen(), CONTROL.listenRetry).unref();
    });
  }

  listen(): void {
    fs.rmSync(this.#file, { force: true }); // left by a process that was killed; the folder's lock says that it is gone
    this.#server.listen(this.#file, () => fs.chmodSync(this.#file, 0o600)); // the folder is its owner's alone already
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { status, body } = this.#answer(request);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  #answer({ method, url }: http.IncomingMessage): Answer {
    if (method !== "GET") return { status: 405, body: { error: "only GET" } };
    try {
      const found = this.#find(new URL(url ?? "/", "http://control"));
      return found === undefined ? { status: 404, body: { error: "not found" } } : { status: 200, body: found };
    } catch (error) {
      // A store that cannot be read is for whoever asks to know, and no reason to end the thread.
      return { status: 500, body: { error: error instanceof Error ? error.message : String(error) } };
    }
  }

  #find(url: URL): unknown {
    if (url.pathname === "/status") return this.#answers.status();
    if (url.pathname === "/queue") return this.#answers.list(query(url));
    const id = /^\/queue\/([0-9A-Za-z]{12,16})$/.exec(url.pathname)?.[1];
    return id === undefined ? undefined : this.#answers.show(id);
  }
}

function query(url: URL): { readonly limit: number; readonly after: string | undefined } {
  const limit = Number(url.searchParams.get("limit") ?? LIMIT_DEFAULT);
  return {
    limit: Number.isInteger(limit) ? Math.min(Math.max(limit, 1), CONTROL.listedMax) : LIMIT_DEFAULT,
    after: url.searchParams.get("after") ?? undefined,
  };
}
