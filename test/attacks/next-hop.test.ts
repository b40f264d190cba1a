import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { plantedTree } from "../crash/patched-copy.ts";
import { type Cell, ROWS } from "../support/broken-hops.ts";
import { type Judgement, runCell } from "../support/hop-run.ts";
import { isProof } from "../support/proof.ts";
import { tally } from "../support/recorded.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { type RawAnswer, ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// ATTACKS 17: broken and hostile next hops against a relay. Silence of minutes is in src/engine/courier.test.ts.

const counted = tally("next-hops");

const MiB = 1024 * 1024;

const CELLS: readonly Cell[] = [false, true].flatMap((isTls) =>
  [true, false].flatMap((isPipelined) => [1, 3].map((recipients) => ({ isTls, isPipelined, recipients }))),
);

/** Each of TLS, pipelining and the number of recipients with each of the others. */
const PAIRS = CELLS.filter(({ isTls, isPipelined, recipients }) => (recipients === 3) === (isTls !== isPipelined));

const name = (cell: Cell): string =>
  `${cell.isTls ? "STARTTLS" : "plain"}, ${cell.isPipelined ? "PIPELINING" : "one by one"}, ${cell.recipients} recipients`;

const judged: Judgement[] = [];

test.each((isProof ? CELLS : PAIRS).map((cell) => [name(cell), cell] as const))(
  "broken next hops: %s",
  async (_, cell) => {
    const judgement = await runCell(cell, ROWS);
    judged.push(judgement);
    counted.add("cells");
    counted.add("rows", ROWS.length);
    counted.add("recipients", judgement.recipients);
    counted.add("wrongSuccesses", judgement.wrongSuccesses.length);
    counted.add("wrongReports", judgement.wrongReports.length);
    const { wrongSuccesses, wrongReports, wrongEnds, faults } = judgement;
    expect([...wrongSuccesses, ...wrongReports, ...wrongEnds, ...faults]).toEqual([]);
  },
);

test.each([
  ["intermediate-is-success", "dot: 354", "wrongSuccesses"],
  ["login-bounces", "dot: 535", "wrongReports"],
] as const)("planted: %s is found", async (patch, what, where) => {
  const { tree, remove } = plantedTree(patch);
  try {
    const rows = ROWS.filter((row) => row.what.startsWith("dot: "));
    const judgement = await runCell({ isTls: false, isPipelined: true, recipients: 1 }, rows, tree);
    expect(judgement[where].filter((found) => found.includes(what))).not.toEqual([]);
    counted.add("plantedFound");
  } finally {
    remove();
  }
});

/** Of 64 KiB. */
const FLOOD_PIECES = 4096;
/** What was read is given back some time later; replies that are kept would be twice as much at least. */
const GROWTH_MAX = 256 * MiB;

function residentOctets(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}

test("replies of 512 MiB cost the relay no memory: lines without an end, and lines without a last one", async () => {
  const floods: readonly RawAnswer[] = [
    { octets: "250-".padEnd(64 * 1024, "x"), times: FLOOD_PIECES, after: "close" },
    { octets: `250-${"x".repeat(60_000)}\r\n`, times: FLOOD_PIECES, after: "close" },
    { octets: "250-x\r\n".repeat(9362), times: FLOOD_PIECES, after: "close" },
    { octets: "\r\n".repeat(32 * 1024), times: FLOOD_PIECES, after: "close" },
  ];
  const hosts = await Promise.all(
    floods.map((answer) => ScriptedHost.start({ script: (place) => (place === "CONTENT" ? answer : undefined) })),
  );
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: Object.fromEntries(
      hosts.map(({ port }, n) => [`flood${n}`, { url: `smtp://127.0.0.1:${port}`, tls: "none" }]),
    ),
    routes: hosts.map((_, n) => ({ when: { recipient: `@flood${n}.test` }, deliver: `flood${n}` })),
    threads: 1,
  });
  const relay = new RelayProcess(home);
  try {
    const [port = 0] = await relay.ports();
    const session = await SourceSession.connect({ port });
    const before = residentOctets(relay.pid);
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, residentOctets(relay.pid))), 20);
    for (const n of floods.keys()) {
      const recipients = [`r@flood${n}.test`];
      await session.send({ id: "", from: "s@here.test", recipients, content: Buffer.from("x\r\n"), hash: "" });
    }
    for (const n of floods.keys()) {
      const { reply } = await relay.event("delivery.deferred", ({ recipient }) => recipient === `r@flood${n}.test`);
      expect(String(reply).length).toBeLessThan(5000);
    }
    clearInterval(watch);
    console.log(`replies of 512 MiB: ${((most - before) / MiB).toFixed(0)} MiB more memory at most`);
    expect(most - before).toBeLessThan(GROWTH_MAX);
  } finally {
    await relay.stop();
    await Promise.all(hosts.map((host) => host.close()));
    home.remove();
  }
});

afterAll(() => {
  const sum = (of: (one: Judgement) => number): number => judged.reduce((total, one) => total + of(one), 0);
  console.log(
    `${ROWS.length} rows x ${judged.length} cells, ${sum((one) => one.recipients)} recipients: ` +
      `${sum((one) => one.ends.delivered)} delivered (${sum((one) => one.wrongSuccesses.length)} wrongly), ` +
      `${sum((one) => one.ends.deferred)} deferred, ${sum((one) => one.ends.failed)} failed, ` +
      `${sum((one) => one.reports)} reports (${sum((one) => one.wrongReports.length)} wrong)`,
  );
});
