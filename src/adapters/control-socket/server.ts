import fs from "node:fs";
import http from "node:http";

interface Answers {
  status(): unknown;
  list(query: { readonly limit: number; readonly after: string | undefined }): unknown;
  show(id: string): unknown;
}

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 1000;

/** JSON over HTTP on a unix socket in the data folder, for who may read that folder. */
export class SocketServer {
  readonly #file: string;
  readonly #answers: Answers;
  readonly #server: http.Server;

  constructor(file: string, answers: Answers) {
    this.#file = file;
    this.#answers = answers;
    this.#server = http.createServer({ requestTimeout: 10_000 }, (request, response) => this.#serve(request, response));
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
    const url = new URL(request.url ?? "/", "http://control");
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.method !== "GET") return answer(405, { error: "only GET" });
    if (url.pathname === "/status") return answer(200, this.#answers.status());
    if (url.pathname === "/queue") return answer(200, this.#answers.list(query(url)));
    const id = /^\/queue\/([0-9A-Za-z]{12,16})$/.exec(url.pathname)?.[1];
    const found = id === undefined ? undefined : this.#answers.show(id);
    return found === undefined ? answer(404, { error: "not found" }) : answer(200, found);
  }
}

function query(url: URL): { readonly limit: number; readonly after: string | undefined } {
  const limit = Number(url.searchParams.get("limit") ?? LIMIT_DEFAULT);
  return {
    limit: Number.isInteger(limit) ? Math.min(Math.max(limit, 1), LIMIT_MAX) : LIMIT_DEFAULT,
    after: url.searchParams.get("after") ?? undefined,
  };
}
