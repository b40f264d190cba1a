// The closed catalogue of events: one event, one shape. The log writes them; the reference page lists them.

import { LOGS } from "./base/limits.ts";

export type EventLevel = "debug" | "info" | "warn" | "error";

/** What a field may hold: all of it fits on one line. Undefined leaves the field out. */
export type FieldValue = string | number | boolean | readonly string[] | undefined;

/** The shape of each event. Units stand last in a field's name: `elapsedMs`, `octets`. */
export interface EventCatalogue {
  "log.dropped": { readonly lines: number };
  "log.withheld": { readonly of: EventName; readonly client: string | undefined; readonly lines: number };
  "relay.started": {
    readonly version: string;
    readonly hostname: string;
    readonly data: string;
    readonly listeners: readonly string[];
    readonly mailThreads: number;
    readonly recovered: number;
  };
  "relay.root": { readonly pid: number };
  "relay.stopping": { readonly because: string };
  "relay.stopped": { readonly elapsedMs: number };
  "config.reloaded": {
    readonly source: string;
    readonly changes: readonly string[];
    readonly needsRestart: readonly string[] | undefined;
    readonly warnings: readonly string[] | undefined;
  };
  "config.rejected": { readonly errors: readonly string[] };
  "certificates.renewed": { readonly listeners: readonly string[] };
  "certificates.rejected": { readonly errors: readonly string[] };
  "data.volatile": { readonly data: string; readonly fileSystem: string };
  "descriptors.few": { readonly descriptors: number; readonly sessions: number; readonly connections: number };
  "space.low": { readonly freeOctets: number; readonly neededOctets: number };
  "space.exhausted": { readonly freeOctets: number; readonly neededOctets: number };
  "space.restored": { readonly freeOctets: number; readonly isMailAccepted: boolean };
  "store.log-missing": { readonly file: string; readonly fault: "missing" | "garbled" };
  "store.replaced": { readonly file: string };
  "store.restored": { readonly file: string };
  "contents.orphaned": { readonly count: number; readonly folder: string };
  "store.failed": { readonly reason: string; readonly text: string };
  "relay.died": { readonly text: string };
  "control.failed": { readonly text: string; readonly retryMs: number };
  "history.failed": { readonly text: string; readonly retryMs: number | undefined };
  "listener.failed": { readonly listener: string; readonly text: string };
  "sessions.full": { readonly listener: string; readonly limit: string; readonly client: string };
  "spool.refused": {
    readonly identity: string;
    readonly from: string;
    readonly recipients: number;
    readonly reply: string;
    readonly dsn: string;
    readonly file: string | undefined;
  };
  "spool.known": { readonly file: string };
  "spool.failed": { readonly file: string | undefined; readonly text: string };
  "session.refused": {
    readonly listener: string;
    readonly client: string;
    readonly verb: string;
    readonly reason: string | undefined;
    readonly reply: string;
  };
  "session.failed": {
    readonly listener: string;
    readonly client: string;
    readonly identity: string;
    readonly phase: string;
    readonly octets: number | undefined;
    readonly text: string;
  };
  "session.crashed": { readonly listener: string; readonly client: string; readonly text: string };
  "auth.succeeded": {
    readonly listener: string;
    readonly client: string;
    readonly username: string;
    readonly mechanism: string;
  };
  "auth.failed": {
    readonly listener: string;
    readonly client: string;
    readonly username: string;
    readonly mechanism: string;
    readonly reason: string;
  };
  "message.accepted": {
    readonly id: string;
    readonly listener: string;
    readonly client: string;
    readonly identity: string;
    readonly from: string;
    readonly recipients: number;
    readonly octets: number;
    readonly elapsedMs: number;
  };
  "message.imported": {
    readonly id: string;
    readonly was: string;
    readonly from: string;
    readonly recipients: number;
    readonly octets: number;
  };
  "message.refused": {
    readonly id: string;
    readonly listener: string;
    readonly client: string;
    readonly identity: string;
    readonly from: string;
    readonly reason: string;
    readonly reply: string;
  };
  "delivery.delivered": {
    readonly id: string;
    readonly recipient: string;
    readonly lane: string;
    readonly host: string;
    readonly tls: string;
    readonly attempts: number;
    readonly sessionMs: number;
    readonly queuedMs: number;
    readonly reply: string;
  };
  "delivery.deferred": {
    readonly id: string;
    readonly recipient: string;
    readonly lane: string;
    readonly attempts: number;
    readonly reason: string;
    readonly cause: string;
    readonly due: string | undefined;
    readonly reply: string;
  };
  "delivery.failed": {
    readonly id: string;
    readonly recipient: string;
    readonly lane: string;
    readonly attempts: number;
    readonly cause: string;
    readonly reply: string;
    readonly dsn: string;
  };
  "delivery.rerouted": {
    readonly id: string;
    readonly recipient: string;
    readonly lane: string;
    readonly reason: string;
  };
  "site.blocked": { readonly site: string; readonly until: string; readonly failures: number; readonly text: string };
  "site.unblocked": { readonly site: string; readonly failures: number };
  "queue.changed": {
    readonly action: string;
    readonly selection: string;
    readonly deliveries: number;
    readonly inHand: number;
  };
  "pause.changed": { readonly target: string; readonly isPaused: boolean };
  "history.pruned": { readonly days: number; readonly octets: number };
  "dsn.queued": {
    readonly id: string;
    readonly about: string;
    readonly action: string;
    readonly to: string;
    readonly recipients: number;
    readonly lane: string;
    readonly returned: string;
  };
  "dsn.unplaced": {
    readonly about: string;
    readonly action: string;
    readonly to: string;
    readonly recipients: number;
  };
  "dsn.suppressed": { readonly about: string; readonly to: string; readonly limit: number };
  "dsn.refused": {
    readonly id: string;
    readonly recipient: string;
    readonly lane: string;
    readonly cause: string;
    readonly reply: string;
    readonly dsn: string;
  };
  "clock.jumped": { readonly byMs: number };
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
  "log.withheld": {
    level: "warn",
    description: `A client that neither network nor login names caused more than a log should hold. Of \`session.refused\`, \`session.failed\` and \`auth.failed\` each mail thread writes ${LOGS.strangerLinesPerMinute} lines a minute for one such client, and ${LOGS.strangersLinesPerMinute} for all. When the minute is over this line says how many more there were, for each of ${LOGS.strangersNamedMax} clients at most.`,
    fields: {
      of: "The event.",
      client:
        "Address of the client, or its /64 of IPv6; absent where it counts all clients beyond those with a line of their own.",
      lines: "How many were not written.",
    },
  },
  "relay.started": {
    level: "info",
    description: "All threads are up and all listeners listen.",
    fields: {
      version: "Of Waypost.",
      hostname: "The name in greetings and `Received` fields.",
      data: "The data folder.",
      listeners: "Name, address and port of each.",
      mailThreads: "How many there are.",
      recovered: "Deliveries that were in hand when the relay last stopped; they are tried again at once.",
    },
  },
  "relay.root": {
    level: "warn",
    description:
      "The relay runs as root, and so would whoever finds a hole in it. Set `user`, or start it as a user of its own: ports below 1024 are had by `user`, by a socket unit of systemd, or by CAP_NET_BIND_SERVICE.",
    fields: { pid: "The number of the process." },
  },
  "relay.stopping": {
    level: "info",
    description:
      "New sessions get 421, what is under way is finished, for 30 s at most. Further signals change nothing.",
    fields: { because: "The signal or the fault." },
  },
  "relay.stopped": {
    level: "info",
    description: "The last line of a relay that stopped in order.",
    fields: { elapsedMs: "How long stopping took." },
  },
  "config.reloaded": {
    level: "info",
    description:
      "The relay goes by its configuration as it is now: what begins, and the next MAIL of the sessions that stand.",
    fields: {
      source: "The file, or `WAYPOST_RELAYHOST`.",
      changes: "The keys that changed.",
      needsRestart: "Keys among them that a relay goes by from its start to its end: it keeps what it had.",
      warnings: "What is permitted and probably not meant.",
    },
  },
  "config.rejected": {
    level: "error",
    description: "A reload changed nothing: the configuration is not valid, or asks for what is not to be had.",
    fields: { errors: "What is wrong, with file, line and column." },
  },
  "certificates.renewed": {
    level: "info",
    description:
      "Files of certificates or authorities are others than before: new handshakes go by them. Sessions that stand go on.",
    fields: { listeners: "Those that have TLS." },
  },
  "certificates.rejected": {
    level: "warn",
    description:
      "Files of certificates or authorities are others than before, and cannot be used: new handshakes go by those before. A renewal that is half done is tried again at each look, every few seconds; `certificates.renewed` tells its end.",
    fields: { errors: "What is wrong, with the key and the file." },
  },
  "data.volatile": {
    level: "warn",
    description:
      "The data folder is in memory: a restart of the machine or the container takes all mail that waits. Put `data` on a disk.",
    fields: { data: "The data folder.", fileSystem: "What it is on." },
  },
  "descriptors.few": {
    level: "warn",
    description:
      "Sessions and connections to next hops may be more than the process may have file descriptors. Sessions leave 512 of them, or half, for deliveries and files, and are refused with 421 beyond that. Raise the limit (LimitNOFILE= of systemd, ulimit -n, --ulimit nofile= of a container), or lower `limits.sessions_per_listener`.",
    fields: {
      descriptors: "What the process may have.",
      sessions: "What all listeners together may have.",
      connections: "To next hops, and to name servers of one thread, at most.",
    },
  },
  "space.low": {
    level: "error",
    description: "Mail is refused with 452 4.3.1 until there is more room on the disk of the data folder.",
    fields: { freeOctets: "What is free.", neededOctets: "What has to be free before mail is accepted." },
  },
  "space.exhausted": {
    level: "error",
    description:
      "No delivery begins either, because its end could not be recorded: somebody has to make room on the disk of the data folder.",
    fields: { freeOctets: "What is free.", neededOctets: "What has to be free before deliveries go on." },
  },
  "space.restored": {
    level: "info",
    description: "There is room again: deliveries go on.",
    fields: { freeOctets: "What is free.", isMailAccepted: "Whether there is enough for new mail too." },
  },
  "store.log-missing": {
    level: "warn",
    description:
      "The relay was killed the last time, or the machine was, and the log of its queue is not what it left: what was accepted and what ended shortly before may be lost, or be sent again. If the file was moved, or is in a backup or a snapshot from then, stop the relay and put queue.db and queue.db-wal of the same moment back. Nothing is lost where another program, such as sqlite3, opened the queue since: it takes the log over into queue.db; nor where the kill came while the relay started or stopped.",
    fields: { file: "The log.", fault: "`missing`, or `garbled`: it does not begin as one." },
  },
  "store.replaced": {
    level: "error",
    description:
      "A file of the queue was removed or replaced under the relay, which writes into the one that it opened: that has no name any more, and ends with the process. New mail is refused with 451 4.3.0; deliveries go on. Move the file back to its place (mv, as a copy is another file), or let the relay run until its queue is empty, and then start it again.",
    fields: { file: "The path whose file is gone, or another one." },
  },
  "store.restored": {
    level: "info",
    description: "The files of the queue are those that the relay opened again: mail is accepted.",
    fields: { file: "The path that `store.replaced` named." },
  },
  "contents.orphaned": {
    level: "warn",
    description:
      "Files with contents that no message in the queue has were put aside. After a kill that is usual: uploads that were under way, which their senders were told nothing of and send again, and contents of messages that had just ended. Only where messages are missing, as after `store.log-missing`, may theirs be among them. They are removed by a start after seven days, or when there is no room on the disk; you may remove them at any time.",
    fields: { count: "How many were put aside now.", folder: "Where they are, each named by its message's id." },
  },
  "store.failed": {
    level: "error",
    description: "A group commit failed. Messages in it were refused with 4yz; ends of deliveries are recorded again.",
    fields: { reason: "`full` or `failed`.", text: "What the store said." },
  },
  "relay.died": {
    level: "error",
    description:
      "A thread that mail needs died, and the relay ends with exit code 70. Nothing accepted is lost: start it again. Where the queue store turned out to be damaged the code is 78, and the text says what to do.",
    fields: { text: "The error and where it happened." },
  },
  "control.failed": {
    level: "error",
    description: "The thread for history and commands failed and is started again. Mail is not affected.",
    fields: { text: "The error and where it happened.", retryMs: "When it is started again." },
  },
  "history.failed": {
    level: "error",
    description:
      "History could not be written, or what is old in it not removed. Mail is not affected; ends of deliveries stay in the queue store until history takes them.",
    fields: {
      text: "What the disk or the database said.",
      retryMs: "When it is tried again; absent where the relay stops.",
    },
  },
  "spool.refused": {
    level: "warn",
    description:
      "Recipients of a message that a user of this machine left in the spool were refused for good. Its sender is told; where that cannot be, the file is kept for you.",
    fields: {
      identity: "Whose it is: `local USER`.",
      from: "The envelope sender.",
      recipients: "How many were refused.",
      reply: "What the first of them got.",
      dsn: "Whether the sender was told, and if not, why.",
      file: "Where it is kept; absent where the sender is told, or wanted no word of it.",
    },
  },
  "spool.known": {
    level: "info",
    description:
      "A file of the spool was taken before, by a relay that was killed before it removed it. Nothing is sent twice; it is removed.",
    fields: { file: "Its name." },
  },
  "spool.failed": {
    level: "error",
    description:
      "A file of the spool cannot be taken: it is tried again, or kept in the spool's folder `dead`, where it is none that sendmail wrote, or too old.",
    fields: {
      file: "Its name, or where it is kept; absent where it is the spool that cannot be read.",
      text: "What is wrong, or what the system said.",
    },
  },
  "sessions.full": {
    level: "warn",
    description:
      "Clients are turned away, with 421 where TLS does not come first, because there are as many sessions as there may be. Of those of a listener, and of those that the file descriptors allow, strangers have nine tenths: whom neither network nor, so far, a login names. Told now and then.",
    fields: {
      listener: "At which the last one was turned away.",
      limit:
        "What was met: `listener` (limits.sessions_per_listener), `address` (limits.sessions_per_address), `file-descriptors`, of which deliveries and files have the others.",
      client: "Address of the last one that was turned away.",
    },
  },
  "listener.failed": {
    level: "error",
    description: "A listening socket met an error when it took a connection. It listens on.",
    fields: { listener: "Its name; `control.sock` for the commands.", text: "What the system said." },
  },
  "session.refused": {
    level: "info",
    description:
      "A command was refused; a wrong password is `auth.failed`, a message that policy or store refuse is `message.refused`.",
    fields: {
      listener: "Its name.",
      client: "Address of the client.",
      verb: "The command.",
      reason: "The rule that refused it; absent for mistakes of form.",
      reply: "What the client got.",
    },
  },
  "session.failed": {
    level: "info",
    description:
      "A session ended by a fault: of TLS, by a deadline, or because the client broke off inside a message. One that ends between two messages without QUIT is not told.",
    fields: {
      listener: "Its name.",
      client: "Address of the client.",
      identity: "Whose it was: `user NAME`, `network CIDR` or `none`.",
      phase:
        "`handshake`, `commands`, `content`, or `storing`: after the end of content; where `message.accepted` follows all the same, the client does not know and may send it again.",
      octets: "Of content that had come; absent where none was under way.",
      text: "What happened.",
    },
  },
  "session.crashed": {
    level: "error",
    description: "A bug of Waypost ended a session; the client got 421. Please report it with this line.",
    fields: { listener: "Its name.", client: "Address of the client.", text: "The error and where it happened." },
  },
  "auth.succeeded": {
    level: "info",
    description: "A client gave the right password.",
    fields: { listener: "Its name.", client: "Address of the client.", username: "Who.", mechanism: "PLAIN or LOGIN." },
  },
  "auth.failed": {
    level: "warn",
    description: "A client did not get in.",
    fields: {
      listener: "Its name.",
      client: "Address of the client.",
      username: "Whom it claimed to be.",
      mechanism: "PLAIN or LOGIN.",
      reason:
        "`wrong` (user or password), `authorization-identity` (the right password, but to act as somebody else), `busy` (too many at once; it got 454), or `gone` (it did not wait for its turn).",
    },
  },
  "message.accepted": {
    level: "info",
    description: "A message is on stable storage, and its client has the 250.",
    fields: {
      id: "Its id, which also stands in `Received`.",
      listener: "Where it came in.",
      client: "Address of the client.",
      identity: "Whose it is: `user NAME` or `network CIDR`.",
      from: "The envelope sender; empty for the null reverse-path.",
      recipients: "How many.",
      octets: "Of content.",
      elapsedMs: "From MAIL to the 250.",
    },
  },
  "message.imported": {
    level: "info",
    description: "A message of another relay's queue is on stable storage here (`waypost queue import`).",
    fields: {
      id: "Its id here.",
      was: "Its id there, which also stands in `Received`; it is found by both.",
      from: "The envelope sender; empty for the null reverse-path.",
      recipients: "How many of them it still has to reach.",
      octets: "Of content.",
    },
  },
  "message.refused": {
    level: "warn",
    description: "A message was refused after its content.",
    fields: {
      id: "Its id.",
      listener: "Where it came in.",
      client: "Address of the client.",
      identity: "Whose it is.",
      from: "The envelope sender.",
      reason: "Why.",
      reply: "What the client got.",
    },
  },
  "delivery.delivered": {
    level: "info",
    description: "The next hop took a message for a recipient.",
    fields: {
      id: "Of the message.",
      recipient: "The forward-path.",
      lane: "The next hop's queue.",
      host: "Address and port of the next hop.",
      attempts: "This one included.",
      tls: "`none`, or its version and whether the certificate was good: `TLSv1.3 verified`, `TLSv1.3 unverified`.",
      sessionMs: "What this attempt took.",
      queuedMs: "Since the message was received.",
      reply: "What the next hop said to the final dot.",
    },
  },
  "delivery.deferred": {
    level: "warn",
    description: "An attempt failed for now.",
    fields: {
      id: "Of the message.",
      recipient: "The forward-path.",
      lane: "The next hop's queue.",
      attempts: "This one included.",
      reason: "Why it waits, from the list of reasons.",
      cause: "What failed.",
      due: "When it is tried again; absent where it waits for its site, or goes on at once.",
      reply: "What the next hop or the system said.",
    },
  },
  "delivery.failed": {
    level: "warn",
    description: "The next hop refused a recipient for good, or the message's time is over.",
    fields: {
      id: "Of the message.",
      recipient: "The forward-path.",
      lane: "The next hop's queue.",
      attempts: "This one included.",
      cause: "What failed; `expired` where the last of many attempts failed for now.",
      reply: "What the next hop said.",
      dsn: "Whether the sender was told, or postmaster where there is none, and if not, why.",
    },
  },
  "delivery.rerouted": {
    level: "info",
    description: "The next hop of a waiting delivery is gone from the configuration.",
    fields: {
      id: "Of the message.",
      recipient: "The forward-path.",
      lane: "Where it is now.",
      reason: "`rerouted`, `rerouted-by-operator`, `imported`, or `no-route` where no route takes it.",
    },
  },
  "dsn.queued": {
    level: "info",
    description:
      "A report of delivery status waits to go to the sender of a message, or to postmaster, where it has none.",
    fields: {
      id: "Of the report.",
      about: "Id of the message.",
      action: "`failed`, `delayed` or `relayed`.",
      to: "Its sender; postmaster, where it has none.",
      recipients: "How many it is about.",
      lane: "The queue that the report is in.",
      returned:
        "What goes back of the message: `whole`, `header` or `nothing`; where it should be more, or was cut, why.",
    },
  },
  "dsn.unplaced": {
    level: "warn",
    description:
      "A sender, or postmaster, is not told, because no route takes a report there. A route for `sender: <>` would.",
    fields: {
      about: "Id of the message.",
      action: "`failed`, `delayed` or `relayed`.",
      to: "Its sender; postmaster, where it has none.",
      recipients: "How many the report would have been about.",
    },
  },
  "dsn.suppressed": {
    level: "warn",
    description:
      "One address was told of as many messages by one mail thread as an hour allows, and is told of no others: it may be forged, or an application sends to addresses that do not exist. History says of each recipient that nobody was told. Told once an hour and address.",
    fields: {
      about: "Id of the message whose report is the first that is left out.",
      to: "The address.",
      limit: "How many.",
    },
  },
  "dsn.refused": {
    level: "warn",
    description:
      "A report of ours could not be delivered. Whom it was for is not told of that; postmaster is, where the configuration has one and the report was not for postmaster itself. Where a smart host refuses the null sender, name another one in a route for `sender: <>`.",
    fields: {
      id: "Of the report.",
      recipient: "Whom it was for.",
      lane: "The next hop's queue.",
      cause: "What failed; `expired` where its time is over.",
      reply: "What the next hop said.",
      dsn: "Whether postmaster was told, and if not, why.",
    },
  },
  "clock.jumped": {
    level: "warn",
    description:
      "The wall clock was set while the relay ran. No message expires for it; what waits for a time waits for that time by the new clock.",
    fields: { byMs: "By how much; below zero where it was set back." },
  },
  "site.blocked": {
    level: "warn",
    description:
      "A smart host, or the servers of a domain, cannot be reached or refuse us; mail for it takes its route's next step, or waits.",
    fields: {
      site: "The smart host's lane, or the names of the servers, with `@EGRESS` where the route has one.",
      until: "When one connection tries again.",
      failures: "In a row.",
      text: "What happened.",
    },
  },
  "site.unblocked": {
    level: "info",
    description: "Servers that were blocked take mail again.",
    fields: { site: "As in `site.blocked`.", failures: "How often it had failed." },
  },
  "queue.changed": {
    level: "info",
    description:
      "An operator did something to queued mail. An action that takes long writes a line every two seconds, each for what came since.",
    fields: {
      action: "`hold`, `release`, `retry`, `cancel`, `expire` or `reroute`.",
      selection: "Which mail was meant.",
      deliveries: "How many were changed at once.",
      inHand: "How many were in hand: it is noted for when they would wait again, or they are tried already.",
    },
  },
  "pause.changed": {
    level: "warn",
    description: "An operator paused or resumed something.",
    fields: { target: "`inbound`, `outbound` or a lane.", isPaused: "False where it goes on." },
  },
  "history.pruned": {
    level: "warn",
    description: "An operator removed days of history.",
    fields: { days: "How many.", octets: "Room that they had on the disk." },
  },
};

const LEVELS: readonly EventLevel[] = ["debug", "info", "warn", "error"];

/** True where an event of this name is at least as grave as `least`. */
export function isAtLeast(name: EventName, least: EventLevel): boolean {
  return LEVELS.indexOf(EVENTS[name].level) >= LEVELS.indexOf(least);
}
