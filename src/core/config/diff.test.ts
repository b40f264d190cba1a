import { expect, test } from "vitest";
import { diffConfig } from "./diff.ts";

const FILE = {
  hostname: "relay.example",
  data: "./data",
  listeners: [{ listen: "0.0.0.0:587" }, { listen: "127.0.0.1:25", tls: "none" }],
  credentials: [{ username: "app", password: "secret-one" }],
  smarthosts: { primary: { url: "smtp://user:secret-two@mail.example:587" } },
  routes: [{ when: { recipient: "@a.example" }, deliver: "mx" }, { deliver: "primary" }],
};

function lines(after: unknown, before: unknown = FILE): string[] {
  return diffConfig(before, after).map(
    ({ key, kind, before: old, after: now, needsRestart }) =>
      `${kind} ${key}: ${old ?? ""} -> ${now ?? ""}${needsRestart ? " (restart)" : ""}`,
  );
}

test("the same is no change, whatever the order of keys in a list that has names", () => {
  expect(lines(structuredClone(FILE))).toEqual([]);
  expect(lines({ ...FILE, listeners: FILE.listeners.toReversed() })).toEqual([]);
});

test("entries of lists are known by what names them", () => {
  const listeners = [
    { listen: "127.0.0.1:25", tls: "starttls" },
    { listen: "[::]:465", tls: "implicit" },
  ];
  expect(lines({ ...FILE, listeners })).toEqual([
    'removed listeners[0.0.0.0:587]: {"listen":"0.0.0.0:587"} -> ',
    'changed listeners[127.0.0.1:25].tls: "none" -> "starttls"',
    'added listeners[[::]:465]:  -> {"listen":"[::]:465","tls":"implicit"}',
  ]);
});

test("secrets are never shown, nor those inside of what is added or removed as a whole", () => {
  const credentials = [
    { username: "app", password: "secret-new" },
    { username: "other", password_hash: "$argon2id$secret" },
  ];
  const smarthosts = { primary: { url: "smtp://user:secret:three@mail.example:587" } };
  const found = lines({ ...FILE, credentials, smarthosts });
  expect(found).toEqual([
    'changed credentials[app].password: "(not shown)" -> "(not shown)"',
    'added credentials[other]:  -> {"username":"other","password_hash":"(not shown)"}',
    'changed smarthosts.primary.url: "smtp://user:***@mail.example:587" -> "smtp://user:***@mail.example:587"',
  ]);
  expect([...found, ...lines({}, FILE)].join("\n")).not.toMatch(/secret/);
});

test("routes by their order: what is put between two others is one that came", () => {
  const [first, last] = FILE.routes;
  const between = { when: { sender: "<>" }, deliver: "primary" };
  expect(lines({ ...FILE, routes: [first, between, last] })).toEqual([
    'added routes[1]:  -> {"when":{"sender":"<>"},"deliver":"primary"}',
  ]);
  expect(lines({ ...FILE, routes: [last] })).toEqual([
    'removed routes[0]: {"when":{"recipient":"@a.example"},"deliver":"mx"} -> ',
  ]);
  expect(lines({ ...FILE, routes: [{ ...first, deliver: "primary" }, last] })).toEqual([
    'changed routes[0].deliver: "mx" -> "primary"',
  ]);
});

test("what a relay that runs cannot change is marked", () => {
  expect(lines({ ...FILE, data: "/srv/waypost", threads: 2, hostname: "other.example" })).toEqual([
    'changed hostname: "relay.example" -> "other.example"',
    'changed data: "./data" -> "/srv/waypost" (restart)',
    "added threads:  -> 2 (restart)",
  ]);
});

test("control characters of a file do not reach the terminal", () => {
  expect(lines({ ...FILE, hostname: "\u001B[2J" })[0]).not.toContain("\u001B");
});

test("a listener that moves to another address is one change", () => {
  const [first, second] = FILE.listeners;
  expect(lines({ ...FILE, listeners: [{ listen: "0.0.0.0:588" }, second] })).toEqual([
    'changed listeners[0.0.0.0:587].listen: "0.0.0.0:587" -> "0.0.0.0:588"',
  ]);
  const named = { ...FILE, listeners: [{ ...first, name: "office", tls: "none" }, second] };
  const moved = { ...FILE, listeners: [{ listen: "[::]:587", name: "office" }, second] };
  expect(lines(moved, named)).toEqual([
    'changed listeners[0.0.0.0:587].listen: "0.0.0.0:587" -> "[::]:587"',
    'removed listeners[0.0.0.0:587].tls: "none" -> ',
  ]);
});

test("two that move are told each once, and those that differ in more are others", () => {
  const [first, second] = FILE.listeners;
  const listeners = [{ listen: "127.0.0.1:26", tls: "none" }, { listen: "0.0.0.0:588" }];
  expect(lines({ ...FILE, listeners })).toEqual([
    'changed listeners[0.0.0.0:587].listen: "0.0.0.0:587" -> "0.0.0.0:588"',
    'changed listeners[127.0.0.1:25].listen: "127.0.0.1:25" -> "127.0.0.1:26"',
  ]);
  expect(lines({ ...FILE, listeners: [{ ...first, listen: "0.0.0.0:588", tls: "none" }, second] })).toHaveLength(2);
});
