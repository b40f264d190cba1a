import { isIP } from "node:net";
import { addressOf, handedSockets } from "../../../src/adapters/system/handed-sockets.ts";
import { type Target, oneOf, same } from "../target.ts";

// What the system hands over.

const COUNTS = ["0", "1", "2", "3", "999", "1000", "-1", "1e1", " 1", "0x1", "", "01", "1\n"];
const PLACES = [
  "0100007F:09DD",
  "00000000000000000000000001000000:01D1",
  "B80D0120000000000000000001000000:0019",
  "0100007f:09DD",
  "0100007F:9DD",
  "0000000000000000FFFF00000100007F:0019",
];

const handed: Target = {
  name: "handed-sockets",
  files: ["adapters/system/handed-sockets.ts"],
  unreachable: { "if (!fs.existsSync(file)) return [];": "of a system without IPv6 or without /proc" },
  lengthMax: 300,
  seeds: [...PLACES, ...COUNTS.map((count) => `${process.pid}\n${count}`), "77\n1", "1\n1", `${process.pid}`],
  tokens: [...PLACES, ...COUNTS, "\n", `${process.pid}`, "77", ":", "F", "0", "g"],
  generate: (chance) => {
    const word = (): string => Array.from({ length: 8 }, () => oneOf(chance, "0123456789ABCDEF".split(""))).join("");
    return `${oneOf(chance, [word(), word() + word() + word() + word()])}:${word().slice(4)}`;
  },
  check(input) {
    const address = addressOf(input);
    const form = /^(?:[0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4}$/;
    same(address !== undefined, form.test(input) && !input.endsWith("\n"), "an address of the system's table is one");
    if (address !== undefined) {
      const { host, port } = address;
      same(port, Number(`0x${input.slice(-4)}`), "with its port");
      same(isIP(host), input.length === 13 ? 4 : 6, "and its address");
      const words = input
        .slice(0, -5)
        .match(/.{8}/g)!
        .map((word) => Buffer.from(word, "hex").reverse().toString("hex"));
      same(hexOf(host), words.join(""), "each word turned round");
    }
    const [pid = "", count, extra] = input.split("\n");
    const environment: NodeJS.ProcessEnv = { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: extra, OTHER: "x" };
    const found = handedSockets(environment, 77);
    same(environment, { OTHER: "x" }, "no child believes that they are for it");
    const isOurs = pid === `${process.pid}` || pid === "77";
    const isCount = count !== undefined && /^[0-9]{1,3}$/.test(count);
    same(found.length, isOurs && isCount ? Number(count) : 0, "as many as were said to be for us");
    same(
      found.map(({ descriptor }) => descriptor),
      found.map((_, at) => at + 3),
      "descriptors begin with three",
    );
  },
};

/** Of an address in any text form. */
function hexOf(host: string): string {
  if (isIP(host) === 4)
    return host
      .split(".")
      .map((octet) => Number(octet).toString(16).padStart(2, "0"))
      .join("");
  const hostname = new URL(`http://[${host}]`).hostname.slice(1, -1);
  const [head = "", tail] = hostname.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const missing = 8 - groups(head).length - groups(tail ?? "").length;
  const all =
    tail === undefined ? groups(head) : [...groups(head), ...Array<string>(missing).fill("0"), ...groups(tail)];
  return all
    .map((group) => group.padStart(4, "0"))
    .join("")
    .toLowerCase();
}

export const targets: readonly Target[] = [handed];
