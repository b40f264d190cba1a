import { CONTROL } from "../core/base/limits.ts";
import { limitsMet } from "../core/queue/site-standing.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlToQueue, LaneStanding, Outlet, QueueToControl } from "./messages.ts";
import type {
  CountPage,
  CountQuery,
  DeliveryReport,
  MessageReport,
  Operator,
  QueuePage,
  QueueQuery,
  Refusal,
  StatusReport,
} from "./operator.ts";
import { Questions } from "./questions.ts";

/** What the relay knows of itself now. */
type Live = Pick<StatusReport, "traffic" | "sessions" | "spool" | "dead" | "isStoreReplaced">;

/**
 * What the stores say, together with what the queue thread knows of sites: why mail in hand waits stands nowhere else. A
 * queue thread that is busy leaves that out, and holds nobody up.
 */
export class QueueView {
  readonly #stores: Operator;
  readonly #queue: Outlet<ControlToQueue>;
  readonly #live: () => Live;
  readonly #clock: Pick<Clock, "now">;
  readonly #questions: Questions<QueueToControl>;

  constructor(stores: Operator, queue: Outlet<ControlToQueue>, clock: Pick<Clock, "now" | "after">, live: () => Live) {
    this.#live = live;
    this.#stores = stores;
    this.#queue = queue;
    this.#clock = clock;
    this.#questions = new Questions(clock, CONTROL.queuePatience);
  }

  fromQueue(message: QueueToControl): void {
    this.#questions.answered(message.number, message);
  }

  /** `hasActive`: with the sites that mail goes to as it comes. */
  async status(hasActive: boolean): Promise<StatusReport> {
    const report = { ...this.#stores.status(), ...this.#live() };
    const blocked = report.lanes.filter(({ blockedUntil }) => blockedUntil !== undefined).map(({ lane }) => lane);
    const answer = await this.#ask(blocked, CONTROL.lanesShown, hasActive);
    if (answer === undefined) return report;
    const busiest = new Set(answer.busiest.map(({ site }) => site));
    const others = answer.lanes.flatMap(({ site }) => (site === undefined || busiest.has(site.site) ? [] : [site]));
    return { ...report, sites: [...answer.busiest, ...others], sitesLeftOut: answer.leftOut };
  }

  async list(query: QueueQuery): Promise<QueuePage | Refusal> {
    const page = this.#stores.list(query);
    return "refused" in page ? page : { ...page, deliveries: await this.#explained(page.deliveries) };
  }

  count(query: CountQuery): CountPage | Refusal {
    return this.#stores.count(query);
  }

  async show(id: string): Promise<MessageReport | undefined> {
    const message = this.#stores.show(id);
    return message === undefined ? undefined : { ...message, deliveries: await this.#explained(message.deliveries) };
  }

  /** What is in hand says what its site waits for. */
  async #explained(deliveries: readonly DeliveryReport[]): Promise<readonly DeliveryReport[]> {
    const lanes = new Set(deliveries.flatMap(({ state, lane }) => (state === "in hand" ? [lane] : [])));
    if (lanes.size === 0) return deliveries;
    const answer = await this.#ask([...lanes].slice(0, CONTROL.lanesAsked), 0);
    const now = this.#clock.now();
    const texts = new Map(answer?.lanes.map((standing) => [standing.lane, standingText(standing, now)]));
    return deliveries.map((delivery) => {
      const text = delivery.state === "in hand" ? (texts.get(delivery.lane) ?? "") : "";
      return text === "" ? delivery : { ...delivery, reason: `${delivery.reason}; ${text}` };
    });
  }

  #ask(lanes: readonly Lane[], busiest: number, hasActive = false): Promise<QueueToControl | undefined> {
    return this.#questions.ask((number) => this.#queue.say({ kind: "standings", number, lanes, busiest, hasActive }));
  }
}

function standingText({ site }: LaneStanding, now: number): string {
  if (site === undefined) return "the servers of its domain are being looked up";
  const met = limitsMet(site, now);
  return met.length === 0 ? "" : `${site.site}: ${met.join("; ")}`;
}
