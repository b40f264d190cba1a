import { expect, test } from "vitest";
import { utf8 } from "../core/base/bytes.ts";
import { messageId } from "../core/mail/message-id.ts";
import type { ExportedMessage } from "../core/queue/exported.ts";
import type { ContentFiles } from "../ports/content.ts";
import { StorageError } from "../ports/content.ts";
import type { ImportedArrival } from "../ports/store.ts";
import { NoAnswer } from "./operator-client.ts";
import { type ExportedMail, Importer } from "./importer.ts";

const NOW = 1_800_000_000_000;
const LINE = `${"x".repeat(70)}\r\n`;
/** More than a content in memory may have: it goes to a file. */
const LARGE = LINE.repeat(1000);

interface World {
  readonly importer: Importer;
  readonly files: Map<string, "begun" | "whole" | "discarded">;
  readonly arrivals: ImportedArrival[];
  /** Recipients of each transaction. */
  readonly steps: number[];
}

function world(fail?: Error, isReplaced = false): World {
  const files: World["files"] = new Map();
  const arrivals: ImportedArrival[] = [];
  const steps: number[] = [];
  let chance = 0;
  const contents: ContentFiles = {
    create: (name) => {
      files.set(name, "begun");
      return {
        write: () => Promise.resolve(),
        finish: () => Promise.resolve(void files.set(name, "whole")),
        discard: () => void files.set(name, "discarded"),
      };
    },
    open: () => {
      throw new Error("nothing is read");
    },
  };
  const importer = new Importer({
    queue: { messageById: () => undefined, ownId: (id) => id },
    client: {
      import: (given) => {
        if (fail !== undefined) return Promise.reject(fail);
        arrivals.push(...given);
        steps.push(given.reduce((sum, { deliveries }) => sum + deliveries.length, 0));
        return Promise.resolve(given.map(() => true));
      },
    },
    files: contents,
    recorder: { record: () => undefined },
    clock: { now: () => NOW },
    entropy: { octets: (count) => new Uint8Array(count).fill(++chance), fraction: () => 0 },
    isStoreReplaced: () => isReplaced,
    space: () => ({ freeOctets: 2, neededOctets: 1 }),
  });
  return { importer, files, arrivals, steps };
}

function mail(n: number, content: string, receivedAt = NOW - 1000, prefix = ""): ExportedMail {
  const octets = utf8(content);
  const message: ExportedMessage = {
    id: messageId(NOW, new Uint8Array(5).fill(100 + n)),
    receivedAt,
    octets: octets.length,
    envelope: JSON.stringify({ from: "a@b.test", prefix }),
    deliveries: [
      {
        recipient: "c@d.test",
        options: "",
        lane: "smarthost/a",
        attempts: 3,
        priority: "low",
        isHeld: false,
        isExpiring: false,
        isTold: true,
        last: "",
      },
    ],
  };
  return { message, content: pieces([octets]) };
}

async function* pieces<Piece>(of: readonly Piece[], fault?: Error): AsyncGenerator<Piece, void, void> {
  for (const piece of of) yield await Promise.resolve(piece);
  if (fault !== undefined) throw fault;
}

test("attempts, priority and the age of a message stay; a time that is to come is now", async () => {
  const { importer, arrivals, files } = world();
  const mails = pieces([mail(1, LINE), mail(2, LARGE, NOW + 1000)]);
  expect(await importer.take(mails)).toEqual({ messages: 2, deliveries: 2, known: 0 });
  expect(arrivals.map(({ receivedAt }) => receivedAt)).toEqual([NOW - 1000, NOW]);
  expect(arrivals[0]).toMatchObject({ deliveries: [{ attempts: 3, priority: "low", isTold: true }] });
  expect(arrivals.map(({ content }) => content === undefined)).toEqual([false, true]);
  expect([...files.values()]).toEqual(["whole"]);
});

test.each([
  ["a lone LF", "x\n"],
  ["a lone CR at the end", "x\r"],
  ["a NUL", "\0\r\n"],
  ["a long line", `${"x".repeat(999)}\r\n`],
])("%s is refused, and of its step nothing is left", async (_, content) => {
  const { importer, arrivals, files } = world();
  const found = await importer.take(pieces([mail(1, LARGE), mail(2, LARGE + content)]));
  expect(found).toMatchObject({ kind: "wrong", refused: expect.stringContaining("no relay took it like that") });
  expect(arrivals).toEqual([]);
  expect([...files.values()]).toEqual(["discarded", "discarded"]);
});

test("where the store's files were replaced nothing is taken, and the other machine's file stays good", async () => {
  const { importer, files, arrivals } = world(undefined, true);
  async function* mails(): AsyncGenerator<ExportedMail> {
    yield mail(1, LARGE);
  }
  expect(await importer.take(mails())).toEqual({
    kind: "failed",
    refused: expect.stringContaining("its log has `store.replaced`"),
  });
  expect([files.size, arrivals]).toEqual([0, []]);
});

test("where the request breaks off, what was not committed is discarded", async () => {
  const { importer, files } = world();
  await expect(importer.take(pieces([mail(1, LARGE)], new Error("broken off")))).rejects.toThrow("broken off");
  expect([...files.values()]).toEqual(["discarded"]);
});

test("where nobody knows whether the store has it, its content stays", async () => {
  const { importer, files } = world(new NoAnswer("failed", "no answer"));
  expect(await importer.take(pieces([mail(1, LARGE)]))).toMatchObject({ kind: "failed" });
  expect([...files.values()]).toEqual(["whole"]);
});

test("an empty line before content is for content without a header", async () => {
  const { importer, files } = world();
  const taken = async (content: string, prefix: string): Promise<unknown> =>
    await importer.take(pieces([mail(1, content, NOW, prefix)]));
  const empty = "Received: x\r\n\r\n";
  expect(await taken(LARGE, empty)).toMatchObject({ messages: 1 });
  expect(await taken(`Subject: a\r\n${LARGE}`, "Received: x\r\n")).toMatchObject({ messages: 1 });
  const refused = expect.stringContaining("an empty line stands before its header") as unknown;
  expect(await taken(`Subject: a\r\n${LARGE}`, empty)).toEqual({ kind: "wrong", refused });
  expect([...files.values()]).toEqual(["whole", "whole", "discarded"]);
});

test("a transaction has as many recipients as one message may have, and none is left out", async () => {
  const { importer, steps } = world();
  const mails = [1, 4096, 4096, 2000, 2000, 97, 96, 4000, 1].map((recipients, n): ExportedMail => {
    const { message, content } = mail(n, LINE);
    return {
      message: { ...message, deliveries: Array.from({ length: recipients }, () => message.deliveries[0]!) },
      content,
    };
  });
  expect(await importer.take(pieces(mails))).toMatchObject({ messages: 9, deliveries: 16_387 });
  expect(steps).toEqual([1, 4096, 4096, 4000, 193, 4001]);
});

test("of a step that the store did not take nothing stays on the disk, which may be full", async () => {
  const { importer, files } = world(new StorageError("full", "no room"));
  const found = await importer.take(pieces([mail(1, LARGE), mail(2, LARGE)]));
  expect(found).toMatchObject({ kind: "failed", refused: expect.stringContaining("no room") });
  expect([...files.values()]).toEqual(["discarded", "discarded"]);
});
