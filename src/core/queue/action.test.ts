import { expect, test } from "vitest";
import { QUEUE_ACTIONS, type Standing, type Wish, effectOf, effectOfWish } from "./action.ts";

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
    ["hold", "hold none", "none", "note hold"],
    ["release", "none", "wake none", "none"],
    ["retry", "wake none", "none", "under-way"],
    ["cancel", "end", "end", "note cancel"],
    ["expire", "wake expire", "wake expire", "note expire"],
    ["reroute", "wake reroute", "wake reroute", "note reroute"],
  ]);
});

test("a release takes back the wish to hold, and no other", () => {
  const wishes: readonly Wish[] = ["none", "hold", "cancel", "expire", "reroute", "route"];
  expect(wishes.map((wish) => effectOf("release", "in-hand", wish).kind)).toEqual([
    "none",
    "note",
    "none",
    "none",
    "none",
    "none",
  ]);
});

test("what is not routed yet stays so when it is held, released or tried; its end, or another routing, is another matter", () => {
  const wishes = QUEUE_ACTIONS.flatMap((action) =>
    (["parked", "held"] as const).map((standing) => {
      const effect = effectOf(action, standing, "route");
      return "wish" in effect ? `${action} ${standing}: ${effect.wish}` : "";
    }),
  );
  expect(wishes.filter((text) => text !== "")).toEqual([
    "hold parked: route",
    "release held: route",
    "retry parked: route",
    "expire parked: expire",
    "expire held: expire",
    "reroute parked: reroute",
    "reroute held: reroute",
  ]);
  expect(effectOfWish("route")).toMatchObject({ kind: "wake", because: "imported", wish: "route" });
  // A mail thread has it, and may find no route for it.
  const noted = effectOf("hold", "in-hand", "route");
  expect(noted).toEqual({ kind: "note", wish: "hold-unrouted" });
  expect(effectOf("hold", "in-hand", "hold-unrouted")).toEqual(noted);
  expect(effectOfWish("hold-unrouted")).toMatchObject({ kind: "hold", wish: "route" });
  expect(effectOf("release", "in-hand", "hold-unrouted")).toEqual({ kind: "note", wish: "route" });
});
