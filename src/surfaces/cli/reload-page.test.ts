import { expect, test } from "vitest";
import { diffConfig } from "../../core/config/diff.ts";
import { changeLines } from "./reload-page.ts";

function page(before: object, after: object): string[] {
  return changeLines({ source: "waypost.yaml", warnings: [], changes: diffConfig(before, after) });
}

test("a secret that changed is said to have changed, with nothing of it", () => {
  const credentials = (password: string): object => ({ credentials: [{ username: "app", password }] });
  expect(page(credentials("one"), credentials("two"))).toEqual(["~ credentials[app].password: changed, not shown"]);
});

test("so is one inside a URL, whose rest is shown once", () => {
  const host = (password: string): object => ({ smarthosts: { a: { url: `smtp://user:${password}@mail.test:587` } } });
  expect(page(host("one"), host("two"))).toEqual([
    '~ smarthosts.a.url: "smtp://user:***@mail.test:587", changed where it is not shown',
  ]);
});

test("what is no secret is shown as it was and as it is", () => {
  expect(page({ hostname: "a.test" }, { hostname: "b.test" })).toEqual(['~ hostname: "a.test" -> "b.test"']);
});
