// The closed catalogue of events: one event, one shape. The log writes them; the reference page lists them.

export type EventLevel = "debug" | "info" | "warn" | "error";

/** What a field may hold: all of it fits on one line. Undefined leaves the field out. */
export type FieldValue = string | number | boolean | readonly string[] | undefined;

/** The shape of each event. Units stand last in a field's name: `elapsedMs`, `octets`. */
export interface EventCatalogue {
  "log.dropped": { readonly lines: number };
}

export type EventName = keyof EventCatalogue;
export type Event = { [Name in EventName]: { readonly event: Name } & EventCatalogue[Name] }[EventName];

export interface EventEntry<Fields> {
  readonly level: EventLevel;
  /** When it is written and what it means, as the reference page says it. */
  readonly description: string;
  readonly fields: { readonly [Field in keyof Fields]-?: string };
}

/** Level and words for each event; an event or field that has none here does not compile. */
export const EVENTS: { readonly [Name in EventName]: EventEntry<EventCatalogue[Name]> } = {
  "log.dropped": {
    level: "warn",
    description: "The reader of the log did not keep up, and lines were left out. Mail is not affected.",
    fields: { lines: "How many lines are missing here." },
  },
};

const LEVELS: readonly EventLevel[] = ["debug", "info", "warn", "error"];

/** True where an event of this name is at least as grave as `least`. */
export function isAtLeast(name: EventName, least: EventLevel): boolean {
  return LEVELS.indexOf(EVENTS[name].level) >= LEVELS.indexOf(least);
}
