import { createHash } from "node:crypto";
import fs from "node:fs";
import { open } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { headLine } from "../adapters/queue-file/lines.ts";
import { messageId } from "../core/mail/message-id.ts";
import { readExport } from "./queue-import.ts";

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-import-"));
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

const GOOD = "Subject: a\r\n\r\nbody\r\n";
const EMPTY_LINE = "Received: x\r\n\r\n";

interface Mail {
  readonly content: string;
  readonly prefix?: string;
}

const ids = (n: number): string => messageId(1_800_000_000_000, new Uint8Array(5).fill(100 + n));

function fileOf(mails: readonly Mail[]): string {
  const lines = mails.map(({ content, prefix = "" }, n) => {
    const envelope = { from: "", identity: "a", client: "", prefix, isEightBit: false, isUtf8: false, subject: "" };
    const delivery = {
      recipient: "c@d.test",
      options: "",
      lane: "mx/d.test",
      attempts: 0,
      priority: "normal",
      last: "",
    };
    const deliveries = [{ ...delivery, isHeld: false, isExpiring: false, isTold: false }];
    const line = { id: ids(n), receivedAt: 1, octets: content.length, envelope: JSON.stringify(envelope), deliveries };
    return `${JSON.stringify(line)}\n${content}\n`;
  });
  const text = `${headLine({ hostname: "a.test", exportedAt: 1 })}\n${lines.join("")}`;
  const sha256 = createHash("sha256").update(text).digest("hex");
  return `${text}${JSON.stringify({ messages: mails.length, deliveries: mails.length, sha256 })}\n`;
}

async function read(text: string): Promise<Awaited<ReturnType<typeof readExport>>> {
  const file = path.join(folder, "queue.waypost");
  fs.writeFileSync(file, text);
  const handle = await open(file);
  try {
    return await readExport(handle);
  } finally {
    await handle.close();
  }
}

test("a whole file is read in steps", async () => {
  const text = fileOf([
    { content: GOOD, prefix: "Received: x\r\n" },
    { content: "no header\r\n", prefix: EMPTY_LINE },
  ]);
  expect(await read(text)).toMatchObject({ steps: [{ messages: 2 }], end: { messages: 2, deliveries: 2 } });
});

test.each<[Mail, string]>([
  [{ content: `${GOOD}\0\r\n` }, "its content has a NUL"],
  [{ content: `${GOOD}\n` }, "its content has a CR or LF alone"],
  [{ content: `${GOOD}\r` }, "its content has a CR or LF alone"],
  [{ content: `${GOOD}${"x".repeat(999)}\r\n` }, "its content has a line of 999 octets"],
  [{ content: GOOD, prefix: EMPTY_LINE }, "an empty line stands before its header"],
])("%j: which message it is, what is wrong and what to do, before anything is taken", async (mail, why) => {
  const text = fileOf([{ content: GOOD }, mail, { content: `\0${GOOD}` }]);
  const start = text.indexOf('{"id":', text.indexOf(GOOD));
  expect(await read(text)).toEqual({
    broken:
      `message 2 of the file, at octet ${start}, ${ids(1)}: ${why}, and no relay takes it like that. ` +
      "Cancel it in the queue that it came from (`waypost queue cancel`), and export that anew",
  });
});

test("of a file that was damaged that is said, and not what the damage looks like", async () => {
  expect(await read(fileOf([{ content: GOOD }]).replace("body", "bo\0y"))).toEqual({
    broken: "its check sum is wrong: it was changed or damaged",
  });
});
