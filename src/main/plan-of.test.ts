import { expect, test } from "vitest";
import type { Listener } from "../core/config/config.ts";
import { parseConfig } from "../core/config/parse.ts";
import { checkHanded, placesBy, placesFor } from "./plan-of.ts";

function configured(...listens: readonly string[]) {
  const parsed = parseConfig({
    hostname: "relay.test",
    data: "./data",
    listeners: listens.map((listen) => ({ listen, tls: "none" })),
  });
  if (parsed.kind === "invalid") throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}

const socket = (
  descriptor: number,
  host: string,
  port: number,
): { descriptor: number; address: Listener["listen"] } => ({
  descriptor,
  address: { host, port },
});

test.each([[[socket(3, "::", 25), socket(4, "0.0.0.0", 25)]], [[socket(4, "0.0.0.0", 25), socket(3, "::", 25)]]])(
  "each socket that was handed over is one listener's, that of its very address first",
  (handed) => {
    const descriptors = (...listens: readonly string[]) =>
      placesFor(configured(...listens), undefined, handed).map(({ descriptor }) => descriptor);
    expect(descriptors("[::]:25", "0.0.0.0:25")).toEqual([3, 4]);
    expect(descriptors("0.0.0.0:25", "[::]:25", "127.0.0.1:26")).toEqual([4, 3, undefined]);
  },
);

test("the socket of every address is that of a listener for IPv4, where there is no other", () => {
  const handed = [socket(3, "::", 25)];
  expect(placesFor(configured("0.0.0.0:25"), undefined, handed)[0]).toMatchObject({ descriptor: 3 });
});

test("a configuration without the listener of a socket that was handed over is refused: nobody would serve it", () => {
  const first = configured("127.0.0.1:25", "127.0.0.1:26");
  const before = placesBy(first, placesFor(first, undefined, [socket(3, "127.0.0.1", 25)]));
  const check = (...listens: readonly string[]) => checkHanded(before, placesFor(configured(...listens), before));
  expect(() => check("127.0.0.1:25")).not.toThrow();
  expect(() => check("127.0.0.1:26")).toThrow(/127\.0\.0\.1:25 was handed over .*keep the listener/);
});
