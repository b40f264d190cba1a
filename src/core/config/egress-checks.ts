// What concerns how we show ourselves: source, EHLO name and address family, of next hops and of routes.

import { isIpv4, isIpv6 } from "../mail/domain.ts";
import { type ConfigIssue, type ConfigPath, configPathText, issue } from "./issue.ts";
import { nearest } from "../base/nearest.ts";
import { type RoughSections, type SomeSections, validOnes } from "./rough-sections.ts";
import type { ConfigSections } from "./schema.ts";

type Family = "ipv4" | "ipv6";
type EgressSection = ConfigSections["egress"][string];

/** Undefined where it is no address but a name, or nothing. */
function familyOf(text: string | undefined): Family | undefined {
  if (text === undefined) return undefined;
  return isIpv4(text) ? "ipv4" : isIpv6(text) ? "ipv6" : undefined;
}

/** The only family that it can reach. */
function ownFamily({ source, family = "any" }: Pick<EgressSection, "source" | "family">): Family | undefined {
  return familyOf(source) ?? (family === "any" ? undefined : family);
}

/** An address can only be reached by its own family. `host` may be a name. */
export function checkFamily(
  place: ConfigPath,
  section: Pick<EgressSection, "source" | "family">,
  host: string | undefined,
): ConfigIssue[] {
  const { source, family = "any" } = section;
  const own = ownFamily(section);
  if (source !== undefined && family !== "any" && own !== family)
    return [issue([...place, "family"], `contradicts source, which is an address of ${own}`)];
  const theirs = familyOf(host);
  if (own === undefined || theirs === undefined || own === theirs) return [];
  const key = source === undefined ? "family" : "source";
  return [issue([...place, key], `cannot reach the url's host, which is an address of ${theirs}`)];
}

export function checkEgresses({ egress = {} }: RoughSections): ConfigIssue[] {
  return Object.entries(egress).flatMap(([name, section]) => {
    if (section === undefined) return [];
    const place = ["egress", name];
    if (section.source === undefined && section.ehlo === undefined && section.family === undefined)
      return [issue(place, "needs source, ehlo or family")];
    return checkFamily(place, section, undefined);
  });
}

export function checkRouteEgress({ routes = [], egress, smarthosts, delivery }: RoughSections): ConfigIssue[] {
  if (egress === undefined) return [];
  return validOnes(routes).flatMap(([index, { egress: name, deliver }]): ConfigIssue[] => {
    if (name === undefined) return [];
    const place = ["routes", index, "egress"];
    if (!Object.hasOwn(egress, name)) {
      const meant = nearest(name, Object.keys(egress));
      const hint = meant === undefined ? "" : `; did you mean '${meant}'?`;
      return [issue(place, `there is no egress of that name in egress${hint}`)];
    }
    const section = egress[name];
    if (section === undefined) return [];
    return deliver.flatMap((step) => {
      if (step === "mx")
        return checkStep(place, section, { host: undefined, source: delivery?.source, key: ["delivery"] });
      const next = entry(smarthosts, step);
      return checkStep(place, section, { host: next?.url.host, source: next?.source, key: ["smarthosts", step] });
    });
  });
}

/** Names are the operator's: `constructor` is one. */
function entry<Section>(sections: Readonly<Record<string, Section>> = {}, name: string): Section | undefined {
  return Object.hasOwn(sections, name) ? sections[name] : undefined;
}

/** What it says itself may not fit to what the next hop says beside it. */
function checkStep(
  place: ConfigPath,
  section: EgressSection,
  next: { readonly host: string | undefined; readonly source: string | undefined; readonly key: ConfigPath },
): ConfigIssue[] {
  const own = ownFamily(section);
  const source = section.source === undefined ? familyOf(next.source) : undefined;
  const theirs = source ?? familyOf(next.host);
  if (own === undefined || theirs === undefined || own === theirs) return [];
  const what =
    source === undefined
      ? `the host of ${configPathText([...next.key, "url"])}`
      : configPathText([...next.key, "source"]);
  return [issue(place, `connects to ${own} only, and ${what} is an address of ${theirs}`)];
}

export function warnOfUnusedEgresses({ egress = {}, routes }: SomeSections): ConfigIssue[] {
  if (routes === undefined) return [];
  const used = new Set(routes.map((route) => route.egress));
  return Object.keys(egress).flatMap((name) =>
    used.has(name) ? [] : [issue(["egress", name], "no route names it: nothing is sent through it")],
  );
}

/** Limits protect the reputation of an address, and quotas are an account's: two egresses must not stand for one by mistake. */
export function warnOfSharedSources({ egress = {}, routes = [], ...others }: SomeSections): ConfigIssue[] {
  const used = new Set(routes.map((route) => route.egress));
  const seen = new Map<string, string>();
  for (const [name, { source }] of Object.entries(others.smarthosts ?? {}))
    if (source !== undefined) seen.set(source, `smarthosts.${name}`);
  const own = others.delivery?.source;
  if (own !== undefined) seen.set(own, "delivery");
  return Object.entries(egress).flatMap(([name, { source }]) => {
    if (!used.has(name)) return [];
    const other = source === undefined ? undefined : seen.get(source);
    if (source !== undefined) seen.set(source, `egress.${name}`);
    if (source !== undefined && other === undefined) return [];
    const from = other ?? "mail without an egress";
    return [
      issue(["egress", name], `connects from the address that ${from} has: limits of a next hop hold for each of them`),
    ];
  });
}
