import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { LiveScreen } from "./live-screen.ts";

function terminal(): {
  input: EventEmitter & { raw: boolean[] };
  output: EventEmitter & { text: string; columns: number };
  screen: LiveScreen;
} {
  const input = Object.assign(new EventEmitter(), {
    raw: [] as boolean[],
    setRawMode: (isRaw: boolean) => void input.raw.push(isRaw),
    resume: () => undefined,
    pause: () => undefined,
  });
  const output = Object.assign(new EventEmitter(), {
    text: "",
    columns: 80,
    rows: 2,
    write: (text: string) => void (output.text += text),
  });
  return { input, output, screen: new LiveScreen(input as never, output as never) };
}

test("frames are drawn over each other, no longer than the screen, and anew when it changes its size", () => {
  const { output, screen } = terminal();
  screen.open();
  output.text = "";
  screen.onResize(() => screen.show(({ columns }) => [`${columns} wide`]));
  screen.show(({ columns, rows }) => [`${columns}x${rows}`, "two", "three"]);
  output.columns = 60;
  output.emit("resize");
  expect(output.text).toBe("\u001b[H80x2\u001b[K\r\ntwo\u001b[K\u001b[J\u001b[H60 wide\u001b[K\u001b[J");
  screen.close();
});

test.each(["q", "Q", "\u0003", "\u0004", "xq"])("%j ends it, and the terminal is as it was", async (keys) => {
  const { input, output, screen } = terminal();
  const before = process.listenerCount("SIGTERM");
  screen.open();
  expect(output.text).toBe("\u001b[?1049h\u001b[?25l");
  input.emit("data", Buffer.from("x"));
  expect(screen.isEnded).toBe(false);
  input.emit("data", Buffer.from(keys));
  await screen.ended;
  screen.close();
  output.emit("resize");
  screen.show(() => ["more"]);
  expect(output.text).toBe("\u001b[?1049h\u001b[?25l\u001b[?25h\u001b[?1049l");
  expect(input.raw).toEqual([true, false]);
  expect([process.listenerCount("SIGTERM"), input.listenerCount("data"), output.listenerCount("resize")]).toEqual([
    before,
    0,
    0,
  ]);
});

test("a signal, and the end of input, end it too", async () => {
  for (const end of [(): unknown => process.emit("SIGTERM", "SIGTERM"), undefined]) {
    const { input, screen } = terminal();
    screen.open();
    if (end === undefined) input.emit("end");
    else end();
    await screen.ended;
    screen.close();
  }
});
