import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { SocketServer } from "../../../src/adapters/control-socket/server.ts";
import { mailsOf } from "../../../src/adapters/queue-file/mails.ts";
import { parseFilter } from "../../../src/core/queue/selection.ts";
import { pruneRequest, reloadRequest } from "../../../src/engine/operator.ts";
import { temporaryFolder } from "../../support/undo.ts";
import { type Target, chanceOf, cut, holds, octetsOf, oneOf, same, some } from "../target.ts";

// What anybody who may open the control socket writes to it.

const DAY_MS = 86_400_000;
const KEYS = "id recipient lane sender recipientDomain state olderThan newerThan reason reply all".split(" ");
const faults: string[] = [];

/** Each answer is asked for in the form that the engine takes. */
const ANSWERS = {
  status: ({ hasActiveSites }: { readonly hasActiveSites: boolean }) => ({ kind: typeof hasActiveSites }),
  list: (query: { readonly limit: number; readonly after: string | undefined; readonly filter: object }) => {
    if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > 1000) faults.push(`limit ${query.limit}`);
    return filterAnswer(query.filter);
  },
  count: (query: { readonly filter: object; readonly action: string | undefined }) => {
    const known = [undefined, "hold", "release", "retry", "cancel", "expire", "reroute"];
    if (!known.includes(query.action)) faults.push(`action ${query.action}`);
    return filterAnswer(query.filter);
  },
  show: (id: string) => {
    if (!/^[0-9A-Za-z]{12,16}$/.test(id)) faults.push(`id ${id}`);
    if (id.startsWith("z")) throw new Error("no such day");
    return id.startsWith("y") ? undefined : { id };
  },
  act: (request: unknown) => Promise.resolve({ acted: request }),
  pause: (request: unknown) => Promise.resolve({ paused: request }),
  reload: (request: unknown) => {
    const found = reloadRequest(request);
    const isOne = "refused" in found || (typeof found.isDryRun === "boolean" && typeof (found.file ?? "") === "string");
    if (!isOne) faults.push("reload");
    return Promise.resolve(found);
  },
  prune: (request: unknown) => {
    const found = pruneRequest(request);
    if (!("refused" in found) && !((found.olderThan ?? DAY_MS) >= DAY_MS))
      faults.push(`prune ${String(found.olderThan)}`);
    return found;
  },
  import: async (body: AsyncIterable<Uint8Array>) => {
    let messages = 0;
    for await (const { content } of mailsOf(body)) {
      for await (const _ of content);
      messages++;
    }
    return { messages };
  },
};

function filterAnswer(filter: object): object {
  for (const [key, value] of Object.entries(filter))
    if (!KEYS.includes(key) || typeof value !== "string") faults.push(`filter ${key}`);
  const found = parseFilter(filter, 0);
  return "wrong" in found ? { refused: found.wrong } : { filter };
}

interface Running {
  readonly server: SocketServer;
  readonly file: string;
  readonly remove: () => void;
}

let running: Promise<Running> | undefined;

async function start(): Promise<Running> {
  const { folder, remove } = temporaryFolder("fuzz");
  const file = path.join(folder, "control.sock");
  const server = new SocketServer(file, ANSWERS, (text) => void faults.push(`socket: ${text}`), "1.2.3");
  server.listen();
  for (let n = 0; n < 1000 && !fs.existsSync(file); n++) await new Promise((resolve) => setTimeout(resolve, 5));
  return { server, file, remove };
}

/** What comes back until the server closes, or has nothing more to say. */
function said(file: string, pieces: readonly Uint8Array[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = net.connect(file);
    socket.setTimeout(5000, () => reject(new Error(`no answer within 5 s: ${answer}`)));
    socket.setEncoding("latin1").on("data", (text: string) => (answer += text));
    socket.on("error", () => undefined); // it may close while there is more to write
    socket.on("close", () => resolve(answer));
    for (const piece of pieces) socket.write(piece);
    socket.end();
  }).finally(() => undefined) as Promise<string>;
}

const ID = "0123456789abcd";
const PATHS = [
  "/status",
  "/status?sites=active",
  "/queue",
  "/queue?limit=7",
  "/queue?limit=-1",
  "/queue?limit=1e9",
  "/queue?limit=0x10",
  "/queue?after=x",
  `/queue/${ID}`,
  `/queue/z${ID.slice(1)}`,
  `/queue/y${ID.slice(1)}`,
  "/queue/counts?action=hold",
  "/queue/counts?action=x",
  "/queue?lane=mx/b.test&state=held",
  "/queue?__proto__=x",
  "/nothing",
  "//",
  "/queue?recipient=%00",
  "/queue?reply=%C3%A4",
  "/%",
  "http://x/status",
  "*",
];
const POSTS = ["/queue/actions", "/pauses", "/history/prunes", "/reload", "/queue/imports", "/status"];
const BODIES = [
  '{"action":"hold","selection":{"all":true}}',
  '{"olderThan":86400000}',
  '{"olderThan":86399999}',
  '{"olderThan":"x"}',
  '{"isDryRun":true,"file":"/x"}',
  '{"isDryRun":1}',
  "null",
  "[",
  "",
  '"x"',
  "1e999",
  "\0",
];

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const control: Target = {
  name: "control-request",
  files: ["adapters/control-socket/server.ts"],
  unreachable: {
    "if (!this.#server.listening)": "of a socket that cannot be opened",
    "return this.#failed(error as Error);": "of a process that has too many files open",
    "failed(error.message);": "of a socket that cannot be opened",
    "} catch (error) {": "of a process that has too many files open",
    "return this.#failed(error": "of a process that has too many files open",
    "close(patience": "of the end of the relay",
    "this.#server.close": "of the end of the relay",
    "#quiet(patience": "of the end of the relay",
    "Promise.race": "of the end of the relay",
    'throw new Error("the request is too long");': "takes 256 KiB",
    "const again": "of a socket that cannot be opened",
  },
  lengthMax: 3000,
  share: 0.02,
  seeds: [
    ...PATHS.map(get),
    ...POSTS.flatMap((path) => BODIES.map((body) => post(path, body))),
    "PUT / HTTP/1.1\r\nHost: x\r\n\r\n",
    "x\r\n\r\n",
    get("/status") + get("/queue"),
  ],
  tokens: [
    ...PATHS,
    ...POSTS,
    ...BODIES,
    "\r\n",
    " HTTP/1.1\r\n",
    "Host: x\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 5\r\n",
    "Expect: 100-continue\r\n",
    "Upgrade: x\r\nConnection: upgrade\r\n",
    "GET ",
    "POST ",
    "HEAD ",
    "CONNECT x:1",
    "&",
    "?",
    "%",
    ...KEYS.map((key) => `&${key}=`),
  ],
  generate: (chance) =>
    chance() < 0.6
      ? get(
          `${oneOf(chance, PATHS)}${some(chance, 3, () => `&${oneOf(chance, KEYS)}=${oneOf(chance, ["x", "@b.test", "5m", "held"])}`)}`,
        )
      : post(oneOf(chance, POSTS), oneOf(chance, BODIES)),
  async check(input) {
    const { file } = await (running ??= start());
    const chance = chanceOf(input);
    const octets = octetsOf(input);
    const whole = await said(file, chance() < 0.3 ? cut(octets, chance) : [octets]);
    const answer = whole.replace(/^(?:HTTP\/1\.1 100 Continue\r\n\r\n)+(?=H)/, ""); // which is no answer yet (RFC 9110 section 15.2.1)
    same(faults.splice(0), [], "the engine is asked in its own words");
    const status = /^HTTP\/1\.1 ([0-9]{3}) /.exec(answer)?.[1];
    holds(answer === "" || status !== undefined, "an answer is one", answer);
    if (status === undefined) return;
    const isOurs = /^content-type: application\/json\r$/im.test(answer);
    const permitted = isOurs ? ["200", "404", "405", "422", "500"] : ["100", "400", "408", "413", "417", "431"];
    holds(permitted.includes(status), "a status is one of few", answer.slice(0, 300));
    if (!isOurs) return;
    holds(
      /^x-waypost-version: 1\.2\.3\r$/im.test(answer) || /1\.2\.3/.test(answer),
      "each answer says the version",
      answer,
    );
    if (input === get("/queue?limit=1e9")) holds(status === "200", "too many is as many as there may be");
    const body = /\r\ncontent-length: ([0-9]+)\r\n/i.exec(answer);
    if (body === null || input.startsWith("HEAD ")) return;
    const text = answer.slice(answer.indexOf("\r\n\r\n") + 4).slice(0, Number(body[1]));
    holds(text === "" || isJson(text), "its body is JSON", answer);
  },
  async close() {
    const was = await running;
    running = undefined;
    await was?.server.close(100);
    was?.remove();
  },
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export const targets: readonly Target[] = [control];
