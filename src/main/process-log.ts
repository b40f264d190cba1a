import { EventRecorder } from "../adapters/log/event-recorder.ts";
import { LineWriter } from "../adapters/log/line-writer.ts";
import { openOutput } from "../adapters/log/output.ts";
import { SystemClock } from "../adapters/system/clock.ts";
import { LOGS, STOP } from "../core/base/limits.ts";
import type { EventLevel } from "../core/events.ts";
import type { Recorder } from "../ports/recorder.ts";
import { eventFormat } from "./threads/event-format.ts";

/** The log of the whole process, on stdout. */
export class ProcessLog {
  readonly recorder: Recorder;
  readonly #events: EventRecorder;
  readonly isTerminal = process.stdout.isTTY;
  readonly #writer: LineWriter;

  constructor(level: EventLevel) {
    const clock = new SystemClock();
    const format = eventFormat(this.isTerminal);
    const droppedLine = (lines: number): string => format({ event: "log.dropped", lines }, clock.now());
    this.#writer = new LineWriter({
      descriptor: openOutput(1).descriptor,
      pendingOctetsMax: LOGS.pendingOctetsMax,
      droppedLine,
    });
    this.#events = new EventRecorder({ level, clock, format, sink: (line) => this.#writer.write(line) });
    this.recorder = this.#events;
  }

  goBy(of: { readonly level: EventLevel; readonly logKey: Uint8Array | undefined }): void {
    this.#events.goBy(of);
  }

  write(lines: string): void {
    this.#writer.write(lines);
  }

  flush(): Promise<void> {
    return this.#writer.flush(STOP.flushLog);
  }
}
