import { QUEUE } from "../core/base/limits.ts";
import type { Duration, Instant } from "../core/base/time.ts";
import { expiresAt } from "../core/queue/ageing.ts";
import { FROM_THE_OLDEST, type OverduePlace, type QueueStore, type Senders } from "../ports/store.ts";

/** A step of a look for what is too old; so many messages more in this look. */
export interface OverdueStep {
  readonly kind: "overdue";
  readonly look: OverdueLook;
  readonly left: number;
}

/** Where a look is after its step; undefined at its end. */
export interface OverdueStepDone extends OverdueStep {
  readonly after: OverduePlace | undefined;
}

/** A look for what is too old, which goes on where it ended the last time. */
interface OverdueLook {
  readonly senders: Senders;
  /** The life of their messages. */
  readonly age: Duration;
  /** Behind it the next step begins. */
  after: OverduePlace;
  isUnderWay: boolean;
}

/**
 * Mail whose next hop is away is looked at by a mail thread now and then, and only some of it: what is too old is brought
 * there, step by step. Whether it ends is decided there, where ages are known.
 */
export class OverdueLooks {
  #looks: readonly OverdueLook[];

  /** `expire`: the life of a message. */
  constructor(expire: Duration) {
    this.#looks = looksFor(expire);
  }

  /** The life of a message, from now on. */
  setExpire(expire: Duration): void {
    this.#looks = looksFor(expire);
  }

  /** The first steps of looks that are not under way: the disk may keep one for long. */
  begin(): OverdueStep[] {
    return this.#looks.flatMap((look) => {
      if (look.isUnderWay) return [];
      look.isUnderWay = true;
      return [{ kind: "overdue" as const, look, left: QUEUE.overduePerLook }];
    });
  }
}

export function takeStep(store: QueueStore, step: OverdueStep, now: Instant): OverdueStepDone {
  const { age, senders, after } = step.look;
  return { ...step, after: store.wakeOverdue(now - age, senders, after, now) };
}

/** The next one, once that one is durable: what is not is done again. */
export function nextStep({ look, left, after }: OverdueStepDone): OverdueStep | undefined {
  look.after = after ?? FROM_THE_OLDEST;
  look.isUnderWay = after !== undefined && left > QUEUE.overduePerStep;
  return look.isUnderWay ? { kind: "overdue", look, left: left - QUEUE.overduePerStep } : undefined;
}

/** The second one is a walk of its own: what lies between the two ages must not hold up the first. */
function looksFor(expire: Duration): readonly OverdueLook[] {
  const ofNobody = expiresAt(0, expire, "");
  return [
    { senders: "all", age: expire, after: FROM_THE_OLDEST, isUnderWay: false },
    ...(ofNobody < expire
      ? [{ senders: "null" as const, age: ofNobody, after: FROM_THE_OLDEST, isUnderWay: false }]
      : []),
  ];
}
