import type { MessagePort } from "node:worker_threads";

interface Outlet<Message> {
  say(message: Message): void;
}

/** How messages of one direction cross: `parcel` may move buffers instead of copying them. */
export interface Crossing<Message, Parcel> {
  wrap(message: Message, moved: ArrayBuffer[]): Parcel;
  unwrap(parcel: Parcel): Message;
}

/** For messages that are plain data and small. */
export function plain<Message>(): Crossing<Message, Message> {
  return { wrap: (message) => message, unwrap: (parcel) => parcel };
}

/** One direction to another thread: what is said in one turn crosses as one batch. */
export function outletTo<Message, Parcel>(port: MessagePort, crossing: Crossing<Message, Parcel>): Outlet<Message> {
  let batch: Parcel[] = [];
  let moved: ArrayBuffer[] = [];
  const flush = (): void => {
    const parcels = batch;
    const buffers = moved;
    batch = [];
    moved = [];
    port.postMessage(parcels, buffers);
  };
  return {
    say(message): void {
      if (batch.length === 0) queueMicrotask(flush);
      batch.push(crossing.wrap(message, moved));
    },
  };
}

export function listenTo<Message, Parcel>(
  port: MessagePort,
  crossing: Crossing<Message, Parcel>,
  take: (message: Message) => void,
): void {
  port.on("message", (parcels: Parcel[]) => {
    for (const parcel of parcels) take(crossing.unwrap(parcel));
  });
}
