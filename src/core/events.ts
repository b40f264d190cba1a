/** The closed catalogue of events: one event, one shape. The log writes them; the reference page lists them. */
export interface EventCatalogue {}

export type EventName = keyof EventCatalogue;
export type Event = { [Name in EventName]: { readonly event: Name } & EventCatalogue[Name] }[EventName];
