import { CONTROL, QUEUE } from "../core/base/limits.ts";
import { nearest } from "../core/base/nearest.ts";
import type { Instant } from "../core/base/time.ts";
import { QUEUE_ACTIONS, type QueueAction } from "../core/queue/action.ts";
import { type PauseTarget, pauseText } from "../core/queue/pause.ts";
import { readLastWord } from "../core/queue/reason.ts";
import {
  LANE_FORMS,
  type Selection,
  type SelectionTexts,
  laneNamed,
  nearestLane,
  parseSelection,
  selectionText,
} from "../core/queue/selection.ts";
import { type Lane, lanesOfHosts, parseLane, smartHostLane, through, withoutEgress } from "../core/routing/lane.ts";
import { StorageError } from "../ports/content.ts";
import type { Clock } from "../ports/clock.ts";
import type { QueueRecords, QueuedDelivery } from "../ports/queue-records.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { OperatorClient } from "./operator-client.ts";
import type { ActionReport, ActionRequest, PauseChange, PauseRequest, Refusal } from "./operator.ts";
import { isConcerned } from "./queue-count.ts";
import { walk } from "./queue-walk.ts";

export interface QueueOperatorParts {
  readonly queue: QueueRecords;
  readonly client: OperatorClient;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, "now" | "monotonic" | "soon">;
  /** Names of the smart hosts in the configuration. */
  smartHosts(): readonly string[];
  /** And of the egresses. */
  egresses(): readonly string[];
}

/** What an operator does to queued mail: found here, page by page, and done by the store thread, step by step. */
export class QueueOperator {
  readonly #parts: QueueOperatorParts;

  constructor(parts: QueueOperatorParts) {
    this.#parts = parts;
  }

  async act(text: unknown): Promise<ActionReport | Refusal> {
    const request = actionRequest(text);
    if ("refused" in request) return request;
    const { action, selection: texts, until, after, hasMatch = false } = request;
    const parsed = parseSelection(texts, this.#parts.clock.now());
    if ("wrong" in parsed) return { kind: "wrong", refused: parsed.wrong };
    const selection = receivedUntil(parsed, until);
    if (selection.id !== undefined && this.#parts.queue.messageById(selection.id) === undefined)
      return { kind: "nothing", refused: `no message ${selection.id} in the queue` };
    const done = await this.#steps(action, selection, Number(after ?? 0)).catch(storeFailed);
    if ("refused" in done) return done;
    const report = this.#judged({ ...done, hasMatch: done.hasMatch || hasMatch }, selection);
    if ("refused" in report) return report;
    this.#recordChange(action, texts, report);
    return report;
  }

  /**
   * These next hops are not what they were: what waits for them is tried now. But for what the one before may have taken
   * already: that waits its time, or it would go to another one meanwhile (promise P3).
   */
  async tryAgain(smartHosts: readonly string[]): Promise<void> {
    for (const lane of lanesOfHosts(smartHosts, this.#parts.egresses())) await this.#retry(lane);
  }

  /** A refusal ends it: what was not done waits its time. */
  async #retry(lane: Lane): Promise<void> {
    for (let after = 0; ;) {
      const done = await this.#steps("retry", { lane }, after, isSurelyUntaken).catch(storeFailed);
      if ("refused" in done) return;
      if (done.changed + done.inHand > 0) this.#recordChange("retry", { lane }, done);
      if (done.after === undefined) return;
      after = Number(done.after);
    }
  }

  #recordChange(action: QueueAction, selection: SelectionTexts, { changed, inHand }: ActionReport): void {
    const event = { event: "queue.changed", action, selection: selectionText(selection) } as const;
    this.#parts.recorder.record({ ...event, deliveries: changed, inHand });
  }

  /** One that nothing is meant by is wrong where it names something that is not there. */
  #judged(report: ActionReport, { id, recipient, lane }: Selection): ActionReport | Refusal {
    if (report.hasMatch || report.after !== undefined) return report;
    if (id !== undefined && recipient !== undefined)
      return { kind: "nothing", refused: `no such recipient of message ${id} in the queue` };
    if (lane === undefined) return report;
    const strange = this.#strange(lane);
    if (strange !== undefined) return strange;
    const meant = this.#meant(lane);
    return meant === undefined ? report : { ...report, nearest: meant };
  }

  async #steps(
    action: QueueAction,
    selection: Selection,
    from: number,
    isMeant: (delivery: QueuedDelivery) => boolean = () => true,
  ): Promise<ActionReport> {
    const { queue, client, clock } = this.#parts;
    const until = clock.monotonic() + CONTROL.actionPage;
    let changed = 0;
    let inHand = 0;
    let hasMatch = false;
    for (let after = from; ;) {
      const page = walk(queue, {
        selection,
        after,
        limit: QUEUE.deliveriesPerAction,
        concerns: (delivery) => isConcerned(action, delivery) && isMeant(delivery),
      });
      hasMatch ||= page.hasMatch;
      if (page.found.length > 0) {
        const done = await client.act(
          action,
          page.found.map(({ row }) => row),
        );
        changed += done.changed;
        inHand += done.inHand;
      } else await new Promise<void>((resolve) => clock.soon(resolve)); // others have questions too
      if (page.after === undefined) return { changed, inHand, hasMatch, after: undefined };
      after = page.after;
      if (clock.monotonic() >= until) return { changed, inHand, hasMatch, after: String(after) };
    }
  }

  async pause(text: unknown): Promise<PauseChange | Refusal> {
    const request = pauseRequest(text);
    if ("refused" in request) return request;
    const { isPaused } = request;
    const target = this.#target(request);
    if ("refused" in target) return target;
    const isChange = await this.#parts.client.pause(target, isPaused).catch(storeFailed);
    if (typeof isChange !== "boolean") return isChange;
    const named = pauseText(target);
    if (isChange) this.#parts.recorder.record({ event: "pause.changed", target: named, isPaused });
    return { target: named, isPaused, isChange };
  }

  #target({ target, isPaused }: PauseRequest): PauseTarget | Refusal {
    if (target === "inbound" || target === "outbound") return { kind: target };
    const { queue } = this.#parts;
    const paused = queue.pauses();
    const known = paused.find((pause) => pauseText(pause.target) === target); // also as an older version wrote it
    if (known !== undefined) return known.target;
    const lane = laneNamed(target);
    if (lane === undefined)
      return wrong(`${target}: neither inbound nor outbound nor a lane: ${LANE_FORMS}, as \`waypost status\` shows it`);
    if (!isPaused) return { kind: "lane", lane };
    if (paused.length >= CONTROL.pausedLanesMax)
      return wrong(`${CONTROL.pausedLanesMax} lanes are paused already; \`waypost pause outbound\` pauses all`);
    return this.#strange(lane) ?? { kind: "lane", lane };
  }

  /** Set where neither the configuration nor the queue knows the lane. Mail for any domain may come. */
  #strange(lane: Lane): Refusal | undefined {
    const { queue } = this.#parts;
    const [smartHosts, egresses] = [this.#parts.smartHosts(), this.#parts.egresses()];
    const hop = parseLane(lane);
    if (hop === undefined || queue.hasLane(lane)) return undefined;
    if (hop.kind === "smarthost" && !smartHosts.includes(hop.name))
      return unknown(lane, "a smart host", smartHosts, this.#nearest(lane));
    if (hop.egress === undefined || egresses.includes(hop.egress)) return undefined;
    const meant = nearest(hop.egress, egresses);
    return unknown(lane, "an egress", egresses, meant === undefined ? undefined : through(meant, withoutEgress(lane)));
  }

  /** Nothing is in it: what was meant has nearly that name, or goes to the same next hop through another egress. */
  #meant(lane: Lane): Lane | undefined {
    const found = this.#nearest(lane);
    if (found !== undefined && found !== lane) return found;
    return this.#queued().find((other) => other !== lane && withoutEgress(other) === withoutEgress(lane));
  }

  #nearest(lane: Lane): Lane | undefined {
    const egress = parseLane(lane)?.egress;
    const named = this.#parts.smartHosts().map((name) => through(egress, smartHostLane(name)));
    return nearestLane(lane, [...named, ...this.#queued()]);
  }

  #queued(): Lane[] {
    const { queue, clock } = this.#parts;
    return queue.lanes(clock.now(), CONTROL.listedMax).map(({ lane }) => lane);
  }
}

function unknown(lane: Lane, what: string, known: readonly string[], meant: Lane | undefined): Refusal {
  const names = known.length === 0 ? "none" : known.slice(0, CONTROL.lanesShown).join(", ");
  const advice = meant === undefined ? `the configuration has ${names}` : `did you mean ${meant}?`;
  return wrong(`${lane}: neither the configuration nor the queue has such ${what}; ${advice}`);
}

function wrong(refused: string): Refusal {
  return { kind: "wrong", refused };
}

function storeFailed(error: unknown): Refusal {
  if (!(error instanceof StorageError)) throw error;
  return { kind: "failed", refused: `${error.message}; what was done before that stays done: ask again for the rest` };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function actionRequest(text: unknown): ActionRequest | Refusal {
  const { action, selection, until, after, hasMatch } = fieldsOf(text);
  const known = QUEUE_ACTIONS.find((name) => name === action);
  if (known === undefined) return wrong(`no action ${String(action)}; there are ${QUEUE_ACTIONS.join(", ")}`);
  if (after !== undefined && !(typeof after === "string" && /^[0-9]{1,15}$/.test(after)))
    return wrong("`after` takes what the report before said");
  if (until !== undefined && typeof until !== "number") return wrong("`until` takes a time in milliseconds");
  const texts = fieldsOf(selection);
  for (const [name, value] of Object.entries(texts))
    if (typeof value !== (name === "all" ? "boolean" : "string")) return wrong(`selection: ${name} is no text`);
  return { action: known, selection: texts, until, after, hasMatch: hasMatch === true };
}

function receivedUntil(selection: Selection, until: Instant | undefined): Selection {
  if (until === undefined) return selection;
  return { ...selection, receivedUntil: Math.min(until, selection.receivedUntil ?? until) };
}

function pauseRequest(text: unknown): PauseRequest | Refusal {
  const { target, isPaused } = fieldsOf(text);
  if (typeof target !== "string" || typeof isPaused !== "boolean") return wrong("a pause takes a target and isPaused");
  return { target, isPaused };
}

/** No next hop may have it. */
function isSurelyUntaken({ last }: QueuedDelivery): boolean {
  return readLastWord(last)?.because !== "possible-duplicate";
}
