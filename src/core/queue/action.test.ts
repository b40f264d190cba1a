import { expect, test } from "vitest";
import { QUEUE_ACTIONS, type Standing, type Wish, effectOf } from "./action.ts";

const STANDINGS: readonly Standing[] = ["parked", "held", "in-hand"];

// What each action does to a delivery that is parked, that is held, and that is in hand.
test("every action on every standing", () => {
  const table = QUEUE_ACTIONS.map((action) => [
    action,
    ...STANDINGS.map((standing) => {
      const effect = effectOf(action, standing, "none");
      return "wish" in effect ? `${effect.kind} ${effect.wish}` : effect.kind;
    }),
  ]);
  expect(table).toEqual([
    ["hold", "hold", "none", "note hold"],
    ["release", "none", "wake none", "none"],
    ["retry", "wake none", "none", "under-way"],
    ["cancel", "end", "end", "note cancel"],
    ["expire", "wake expire", "wake expire", "note expire"],
    ["reroute", "wake reroute", "wake reroute", "note reroute"],
  ]);
});

test("a release takes back the wish to hold, and no other", () => {
  const wishes: readonly Wish[] = ["none", "hold", "cancel", "expire", "reroute"];
  expect(wishes.map((wish) => effectOf("release", "in-hand", wish).kind)).toEqual([
    "none",
    "note",
    "none",
    "none",
    "none",
  ]);
});
