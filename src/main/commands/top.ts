// `waypost top`
import { setTimeout as sleep } from "node:timers/promises";
import { second } from "../../core/base/time.ts";
import type { StatusReport } from "../../engine/operator.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import type { TopOptions } from "../../surfaces/cli/relay-commands.ts";
import { type Screen, noticeLines, topLines } from "../../surfaces/cli/top-page.ts";
import { print } from "./print.ts";
import { askRelay, dataFolder } from "./relay-of.ts";
import { LiveScreen } from "./live-screen.ts";

const EVERY = 1 * second;
/** Where nobody says how large the page is that a frame is printed on. */
const PAGE: Screen = { columns: 100, rows: 60 };

export async function top(options: TopOptions): Promise<void> {
  const folder = await dataFolder(options);
  if (options.json === true) return await lines(folder, options.once === true);
  if (options.once === true || !process.stdout.isTTY || !process.stdin.isTTY)
    return print(topLines(await report(folder), Date.now(), PAGE));
  await live(folder);
}

async function report(folder: string): Promise<StatusReport> {
  const found = (await askRelay(folder, "/status?sites=active")) as StatusReport | null | undefined;
  if (found === undefined || found === null) throw new CommandFailure(`no relay runs on ${folder}`, EXIT.unavailable);
  return found;
}

/** One JSON value a line and second, for as long as somebody reads. */
async function lines(folder: string, isOnce: boolean): Promise<void> {
  let isRead = true;
  process.stdout.on("error", () => (isRead = false)); // a reader that is gone is how this ends
  for (;;) {
    const started = performance.now();
    process.stdout.write(`${JSON.stringify({ at: Date.now(), ...(await report(folder)) })}\n`);
    if (isOnce) return;
    await sleep(Math.max(0, EVERY - (performance.now() - started)));
    if (!isRead) return;
  }
}

async function nextFrame(screen: LiveScreen): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const due = new Promise<void>((resolve) => (timer = setTimeout(resolve, EVERY)));
  await Promise.race([due, screen.ended]);
  clearTimeout(timer);
}

/** Until somebody ends it. A relay that is away for a while is no end: it may be back. */
async function live(folder: string): Promise<void> {
  const screen = new LiveScreen(process.stdin, process.stdout);
  screen.open();
  try {
    let draw = (size: Screen): string[] => noticeLines(`asking the relay on ${folder}`, size);
    screen.onResize(() => screen.show(draw));
    while (!screen.isEnded) {
      const found = await report(folder).catch((error: unknown) => {
        if (error instanceof CommandFailure) return error;
        throw error;
      });
      const now = Date.now();
      draw = (size) =>
        found instanceof CommandFailure
          ? noticeLines(`${found.lines.join("\n")}\nq ends this`, size)
          : topLines(found, now, { ...size, rows: size.rows - 1 });
      screen.show(draw);
      await nextFrame(screen);
    }
  } finally {
    screen.close();
  }
}
