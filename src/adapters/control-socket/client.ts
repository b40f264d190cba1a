import { Readable } from "node:stream";
import { CONTROL } from "../../core/base/limits.ts";
import type { Duration } from "../../core/base/time.ts";
import { http } from "./http.ts";
import { type ShortPath, shortPath } from "./short-path.ts";
import { VERSION_FIELD } from "./version-field.ts";

let answeredBy: string | undefined;

/** The version of the relay that answered last: empty where it does not say, undefined where none was asked. */
export function lastAnsweredBy(): string | undefined {
  return answeredBy;
}

/**
 * Asks the relay that runs on a data folder; with a body, sent as JSON or as the octets of a stream, it is to do something. Undefined where none runs; `null` where it
 * has no such thing. A refusal is an answer, with `refused`. Rejects with what went wrong.
 */
export function ask(
  socket: string,
  path: string,
  body?: unknown,
  timeout: Duration = CONTROL.request,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const place = placeOf(socket);
    if (place === undefined) {
      resolve(undefined);
      return;
    }
    const request = http.request({ socketPath: place.path, path, method, timeout }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
        if (text.length > CONTROL.answerOctetsMax) request.destroy(new Error("the answer is too long"));
      });
      response.on("error", reject); // the relay went while it answered
      response.on("end", () => {
        const version = response.headers[VERSION_FIELD];
        answeredBy = typeof version === "string" ? version : "";
        if (response.statusCode === 500) reject(new Error(`the relay cannot tell: ${text}`));
        else if (response.statusCode !== 200 && response.statusCode !== 422) resolve(null);
        else
          try {
            resolve(JSON.parse(text));
          } catch (error) {
            reject(new Error("what it answered is no JSON", { cause: error }));
          }
      });
    });
    request.on("close", () => place.release());
    request.on("timeout", () => request.destroy(new Error("the relay did not answer in time")));
    request.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(undefined);
      else reject(error);
    });
    if (body instanceof Readable) body.on("error", (error) => request.destroy(error)).pipe(request);
    else request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Undefined where there is no such folder, and so no relay on it. */
function placeOf(socket: string): ShortPath | undefined {
  try {
    return shortPath(socket);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
