import http from "node:http";

const ANSWER_OCTETS_MAX = 16 * 1024 * 1024;

/** Asks the relay that runs on a data folder. Undefined where none does; `null` where it has no such thing. */
export function ask(socket: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath: socket, path, timeout: 10_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
        if (text.length > ANSWER_OCTETS_MAX) request.destroy(new Error("the answer is too long"));
      });
      response.on("end", () => resolve(response.statusCode === 200 ? JSON.parse(text) : null));
    });
    request.on("timeout", () => request.destroy(new Error("the relay did not answer in time")));
    request.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(undefined);
      else reject(error);
    });
  });
}
