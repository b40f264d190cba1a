import { expect, onTestFinished, test, vi } from "vitest";
import { RELOAD } from "../core/base/limits.ts";
import type { Config } from "../core/config/config.ts";
import { parseConfig } from "../core/config/parse.ts";
import type { Event } from "../core/events.ts";
import { type GoodConfig, type ReadConfig, Reloader } from "./reloader.ts";
import { StartError } from "./start-error.ts";

const VALUES = {
  hostname: "relay.test",
  data: "./data",
  listeners: [{ listen: "127.0.0.1:25", tls: "none" }],
  smarthosts: { a: { url: "smtp://a.test" }, b: { url: "smtp://b.test" } },
  routes: [{ deliver: "a" }],
};

function good(values: Record<string, unknown>): GoodConfig {
  const parsed = parseConfig(values);
  if (parsed.kind === "invalid") throw new Error(JSON.stringify(parsed.issues));
  return { config: parsed.config, values, source: "waypost.yaml", warnings: [] };
}

interface Scene {
  readonly events: Event[];
  readonly adopted: { readonly config: Config; readonly changedHosts: readonly string[] }[];
  /** What is read from now on. */
  file: ReadConfig;
  /** Of the files that it names. */
  faults: readonly string[];
  /** In place of an answer about them. */
  hangs: Promise<never> | undefined;
  rotated: number;
  /** Files that hold other certificates than before. */
  renewed: readonly string[];
  readonly reloader: Reloader;
}

function scene(
  adopt: (config: Config) => Promise<void> = () => Promise.resolve(),
  values: Record<string, unknown> = VALUES,
): Scene {
  const events: Event[] = [];
  const adopted: Scene["adopted"] = [];
  const s: Scene = {
    events,
    adopted,
    file: good(VALUES),
    faults: [],
    hangs: undefined,
    rotated: 0,
    renewed: [],
    reloader: new Reloader({
      recorder: { record: (event) => void events.push(event) },
      running: good(values),
      read: () => Promise.resolve(s.file),
      faultsOfFiles: () => s.hangs ?? Promise.resolve(s.faults),
      rotateTickets: () => {
        s.rotated++;
        return Promise.resolve();
      },
      adopt: async (config, changedHosts) => {
        await adopt(config);
        adopted.push({ config, changedHosts });
        return s.renewed;
      },
    }),
  };
  return s;
}

test("smart hosts that are others now, or are gone, are told apart from those that came", async () => {
  const s = scene();
  s.file = good({ ...VALUES, smarthosts: { a: { url: "smtp://a.test:2525" }, c: { url: "smtp://c.test" } } });
  const answer = await s.reloader.reload({ isDryRun: false });
  expect(answer).toMatchObject({
    source: "waypost.yaml",
    changes: [{ kind: "changed" }, { kind: "removed" }, { kind: "added" }],
  });
  expect(s.adopted[0]!.changedHosts).toEqual(["a", "b"]);
  expect(s.events).toMatchObject([
    { event: "config.reloaded", changes: ["smarthosts.a.url", "smarthosts.b", "smarthosts.c"] },
  ]);
  await s.reloader.reload({ isDryRun: false });
  expect(s.adopted[1]!.changedHosts).toEqual([]);
});

test("a dry run changes nothing, whatever the file holds", async () => {
  const s = scene();
  s.file = good({ ...VALUES, hostname: "other.test" });
  expect(await s.reloader.reload({ isDryRun: true })).toMatchObject({ changes: [{ key: "hostname" }] });
  s.file = { errors: ["waypost.yaml:1:1: wrong"] };
  expect(await s.reloader.reload({ isDryRun: true })).toEqual({ kind: "invalid", refused: "waypost.yaml:1:1: wrong" });
  expect([s.adopted, s.events]).toEqual([[], []]);
});

test("what a start alone changes is kept, and told each time", async () => {
  const s = scene();
  s.file = good({ ...VALUES, data: "./other", threads: 3 });
  for (let n = 0; n < 2; n++) {
    const answer = await s.reloader.reload({ isDryRun: false });
    expect(answer).toMatchObject({
      changes: [
        { key: "data", needsRestart: true },
        { key: "threads", needsRestart: true },
      ],
    });
  }
  expect(s.adopted.map(({ config }) => [config.data, config.threads])).toEqual([
    ["./data", "auto"],
    ["./data", "auto"],
  ]);
});

test("what cannot be had changes nothing, and the next reload begins from what was there", async () => {
  let isTaken = true;
  const s = scene(() => (isTaken ? Promise.reject(new StartError("127.0.0.1:26 is taken")) : Promise.resolve()));
  s.file = good({ ...VALUES, hostname: "other.test" });
  expect(await s.reloader.reload({ isDryRun: false })).toEqual({ kind: "invalid", refused: "127.0.0.1:26 is taken" });
  expect(s.events).toEqual([{ event: "config.rejected", errors: ["127.0.0.1:26 is taken"] }]);
  expect(s.reloader.config.hostname).toBe("relay.test");
  isTaken = false;
  expect(await s.reloader.reload({ isDryRun: false })).toMatchObject({ changes: [{ key: "hostname" }] });
});

test("a fault of ours is told, and the next reload works", async () => {
  let isBroken = true;
  const s = scene(() => (isBroken ? Promise.reject(new TypeError("a bug")) : Promise.resolve()));
  expect(await s.reloader.reload({ isDryRun: false })).toMatchObject({
    kind: "invalid",
    refused: expect.stringContaining("a bug"),
  });
  isBroken = false;
  expect(await s.reloader.reload({ isDryRun: false })).toMatchObject({ changes: [] });
});

test("one after the other: who asks while another one is under way has the file as it is then", async () => {
  const under = Promise.withResolvers<void>();
  const s = scene(() => under.promise);
  const first = s.reloader.reload({ isDryRun: false });
  const second = s.reloader.reload({ isDryRun: false });
  s.file = good({ ...VALUES, hostname: "second.test" });
  under.resolve();
  await first;
  await second;
  expect(s.adopted.at(-1)!.config.hostname).toBe("second.test");
});

test("a renewal that cannot be done yet is told once", async () => {
  const s = scene(() => Promise.reject(new StartError("key values mismatch")));
  await s.reloader.renew(true);
  await s.reloader.renew(false);
  expect(s.events).toEqual([{ event: "certificates.rejected", errors: ["key values mismatch"] }]);
});

test("certificates that are others than before are told by a reload that finds them before the watch does", async () => {
  const s = scene();
  s.renewed = ["/tls/cert.pem"];
  expect(await s.reloader.reload({ isDryRun: false })).toMatchObject({ changes: [], renewed: ["/tls/cert.pem"] });
  expect(s.events.map(({ event }) => event)).toEqual(["config.reloaded", "certificates.renewed"]);
});

test("files that cannot be used are not gone by, and told by their place", async () => {
  const s = scene();
  s.faults = ["tls.key: k.pem is not the key of the certificate c.pem"];
  await s.reloader.renew(true);
  await s.reloader.renew(false);
  expect(s.events).toEqual([{ event: "certificates.rejected", errors: s.faults }]);
  expect(s.adopted).toEqual([]);
  s.faults = [];
  await s.reloader.renew(false);
  expect(s.events.slice(1)).toEqual([{ event: "certificates.renewed", listeners: [] }]);
  expect(s.adopted).toHaveLength(1);
});

test("new keys for tickets are no change that anybody has to hear of, and take no file", async () => {
  const s = scene();
  s.hangs = new Promise<never>(() => undefined);
  expect(await s.reloader.rotateTickets()).toMatchObject({ changes: [] });
  expect([s.rotated, s.adopted, s.events]).toEqual([1, [], []]);
});

test("a disk that hangs under the certificates keeps no reload from being heard", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const s = scene();
  s.hangs = new Promise<never>(() => undefined);
  const renewal = s.reloader.renew(true);
  const reload = s.reloader.reload({ isDryRun: false });
  await vi.advanceTimersByTimeAsync(RELOAD.patience);
  expect(await renewal).toMatchObject({ kind: "invalid" });
  expect(await reload).toMatchObject({ changes: [] });
});

test("ports below 1024 need a restart where the relay was root and is not any more", async () => {
  const listeners = [
    ...VALUES.listeners,
    { listen: "127.0.0.1:587", tls: "none" },
    { listen: "127.0.0.1:1024", tls: "none" },
  ];
  const changesOf = async (user: object): Promise<unknown> => {
    const s = scene(undefined, { ...VALUES, ...user });
    s.file = good({ ...VALUES, ...user, listeners });
    const answer = await s.reloader.reload({ isDryRun: true });
    return "changes" in answer ? answer.changes.map(({ key, needsRestart }) => [key, needsRestart]) : answer;
  };
  const changes = (isRestart: boolean) => [
    ["listeners[127.0.0.1:587]", isRestart],
    ["listeners[127.0.0.1:1024]", false],
  ];
  expect(await changesOf({ user: "10001:10001" })).toEqual(changes(true));
  expect(await changesOf({})).toEqual(changes(false));
});
