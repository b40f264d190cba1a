import http from "node:http";
import { CONTROL } from "../../core/base/limits.ts";

/**
 * Asks the relay that runs on a data folder. Undefined where none does; `null` where it has no such thing. Rejects with
 * what went wrong.
 */
export function ask(socket: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath: socket, path, timeout: CONTROL.request }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
        if (text.length > CONTROL.answerOctetsMax) request.destroy(new Error("the answer is too long"));
      });
      response.on("error", reject); // the relay went while it answered
      response.on("end", () => {
        if (response.statusCode === 500) reject(new Error(`the relay cannot tell: ${text}`));
        else resolve(response.statusCode === 200 ? JSON.parse(text) : null);
      });
    });
    request.on("timeout", () => request.destroy(new Error("the relay did not answer in time")));
    request.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(undefined);
      else reject(error);
    });
  });
}
