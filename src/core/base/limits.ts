// Every bound in one place, each with its reason (promise P7). Where an operator would want to move one, the
// configuration key that does so is named; the others are fixed by an RFC or by arithmetic.

import { day, hour, minute, second } from "./time.ts";

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

/** Inbound SMTP. */
export const INBOUND = {
  /** Listeners: each is a socket on every mail thread. */
  listenersMax: 64,
  /** Certificates of a listener. */
  certificatesMax: 100,
  /** Octets of a command line with CR LF: RFC 5321 4.5.3.1.4 asks for 512, extensions raise it; Postfix has 2048. */
  commandLineOctetsMax: 2048,
  /** Octets of a line in an AUTH exchange with CR LF (RFC 4954 section 4). */
  authLineOctetsMax: 12288,
  /** Octets after which a line that still has no end closes the session: nobody sends this by mistake. */
  lineFloodOctetsMax: 1 * MiB,
  /** Octets of a content line without CR LF (RFC 5321 4.5.3.1.6). */
  contentLineOctetsMax: 998,
  /** Octets of all header fields: above it nobody's mail is a message. */
  headerOctetsMax: 1 * MiB,
  /** Content in memory per session; beyond it content goes to a file as it comes. */
  contentInMemoryMax: 64 * KiB,
  /** Message size unless `listeners[].max_message_bytes` says otherwise (FIELD: 50 MiB). */
  messageOctetsMax: 50 * MiB,
  /** Recipients of one message (RFC 5321 4.5.3.1.8 asks for at least 100). */
  recipientsMax: 1000,
  /**
   * Recipients of a stranger that are refused with 452 for being too many, after which the session ends. RFC 5321
   * 4.5.3.1.10 has the client send them in its next transaction; who goes on naming more is not going to.
   */
  excessRecipientsMax: 1000,
  /**
   * Errors between two messages after which replies are delayed, and after which the session ends: what the client
   * should not have sent, and with strangers also recipients and content that are refused.
   */
  errorsSoft: 10,
  errorsHard: 20,
  errorDelay: 1 * second,
  /** Commands without effect (NOOP, RSET, HELP, VRFY, EHLO) between two messages. */
  junkCommandsMax: 100,
  /** Wrong passwords on one connection. */
  authFailuresMax: 3,
  /** Commands that one session has answered at a time (some tenths of a millisecond); then all others have their turn. */
  commandsPerTurn: 25,
  /**
   * What all sessions that have more to be answered get together of a turn of the event loop. A turn takes one new connection:
   * with 5 ms those that come wait twice as long, and below 2 ms turning costs more than it gives.
   */
  longWorkMsPerTurn: 2,
  /** Input kept while a question is open; beyond it the socket is not read. */
  pendingInputMax: 64 * KiB,
  /** Replies that the peer has not taken; beyond it the socket is not read. */
  pendingOutputMax: 64 * KiB,
  /** Trace fields after which a message is a loop (RFC 5321 section 6.3 says at least 100). */
  receivedFieldsMax: 100,
  /** Octets of a forward-path or reverse-path: far above RFC 5321's 256, because VERP and SRS are longer than 64 + 255. */
  pathOctetsMax: 1000,
} as const;

/** Inbound deadlines (RFC 5321 4.5.3.2.7). */
export const INBOUND_TIME = {
  /** A command, from the reply before it to its end: per request, not per read. */
  command: 5 * minute,
  /** The same when sessions run short. */
  commandUnderStress: 10 * second,
  tlsHandshake: 30 * second,
  /** Content slower than this, once `contentGrace` is over, ends the session. */
  contentOctetsPerSecondMin: 500,
  contentGrace: 1 * minute,
  /** After a closing reply the peer gets this long to read it. */
  linger: 2 * second,
} as const;

/** Sessions. */
export const SESSIONS = {
  perListenerMax: 10_000,
  perStrangerAddressMax: 50,
  perTrustedAddressMax: 500,
  /** Counts of addresses, 8 octets each: of 10,000 addresses one in seven meets another one, of 50 hardly any. */
  addressBuckets: 65_536,
  messagesPerStrangerConnectionMax: 100,
  /**
   * File descriptors that sessions leave alone: some hundred are the relay's own (store, history, threads, listeners), the
   * others are for connections to next hops and for contents. Where that would be more than half of them, half.
   */
  descriptorsKept: 512,
  /** Of the sessions that a listener or the file descriptors allow, the share of strangers, who did not say yet who they are. */
  strangerShare: 0.9,
  /** Counts of listeners: those that a reload brings beside those that were there before. */
  listenerPlaces: 128,
  /** Connections to a new listener of one mail thread until all threads go by it: some milliseconds. */
  waitingMax: 1024,
  /** Above this share of `perListenerMax` deadlines shrink to `commandUnderStress`. */
  stressShare: 0.8,
} as const;

/** Outbound SMTP. */
export const OUTBOUND = {
  /** Octets of a reply line that are kept; RFC 5321 4.5.3.1.5 says 512, servers send more. */
  replyLineOctetsMax: 2 * KiB,
  /** Characters of a whole reply that are kept. */
  replyTextMax: 4 * KiB,
  replyLinesMax: 100,
  /** Lines, kept or not, blank or not, after which a reply without an end is no reply. */
  replyLinesFloodMax: 5000,
  /** Octets of a reply after which it is none: ten times what the lines that are kept may have. */
  replyOctetsFloodMax: 2 * MiB,
  recipientsPerTransactionMax: 100,
  /** Lines of an attempt's dialogue that history keeps, and characters of each. */
  transcriptLinesMax: 40,
  transcriptLineMax: 200,
  authChallengesMax: 5,
  /** Octets of an AUTH command with CR LF up to which it may carry the initial response (RFC 4954 section 4). */
  authCommandOctetsMax: 512,
  /** Sets of authorities whose TLS contexts are kept: smart hosts with their own are few. */
  tlsContextsMax: 64,
  /** Hosts of a domain's MX records that are looked up. */
  exchangersMax: 8,
  /** Addresses that one attempt tries (FIELD). */
  addressesPerAttemptMax: 5,
  /** Of these, addresses of one host, so that the next host has its turn too. */
  addressesPerHostMax: 3,
  /** Messages over one connection to a stranger's server (FIELD). */
  messagesPerStrangerConnectionMax: 100,
  /** New connections to the servers of strangers, a minute and site (FIELD). */
  strangerConnectionsPerMinute: 100,
  /**
   * The turn of a connection that others of its site wait for: so many loads, or so long, whichever is over first. The loads
   * are those over which a greeting, a handshake and a login are cheap; where each load is slow the others wait no longer
   * than behind a connection that stands idle.
   */
  turnLoads: 20,
  turnTime: 5 * second,
  /** A minute of ours lasts so much longer than one, so that what meets delays on its way stays within the limit there. */
  rateSlack: 200,
  /** Messages, or recipients, in a row that meet what may be their own fault, after which it is held against the site (FIELD). */
  doubtsMax: 3,
  /**
   * A transaction up to the final dot, however often the peer shows that it is alive: each of a hundred recipients may
   * take the minutes that RFC 5321 section 4.5.3.2 gives it, and each piece of content too.
   */
  transactionTime: 2 * hour,
  /** Each answer before the first MAIL, where another step of the route would take the mail: nobody has it yet. */
  sessionPatience: 60 * second,
  /** When all is said, a peer that does not close has this long; until then the connection counts. */
  linger: 1 * second,
  /** Addresses that are remembered as having broken TLS, and for how long. */
  brokenTlsMax: 10_000,
  brokenTlsFor: 1 * hour,
  /** Connections to all sites together, over all mail threads. */
  connectionsMax: 4000,
  /** Of these, so many are kept for sites that have taken a message: dead ones must not take all. */
  provenReserve: 1000,
  /** And so many may find out whether sites that failed are back, so that new ones find room too. */
  failingConnectionsMax: 1000,
} as const;

/** Outbound deadlines (RFC 5321 4.5.3.2, FIELD). */
export const OUTBOUND_TIME = {
  connect: 30 * second,
  greeting: 5 * minute,
  ehlo: 5 * minute,
  startTls: 60 * second,
  auth: 60 * second,
  mail: 5 * minute,
  rcpt: 5 * minute,
  data: 2 * minute,
  block: 3 * minute,
  /** A short final-dot timeout makes duplicates (RFC 1047). */
  finalDot: 10 * minute,
  rset: 20 * second,
  quit: 5 * second,
  idle: 5 * second,
  /** A connection is made so long before a message may go over it: it must not have been idle for too long by then. */
  ahead: 3 * second,
} as const;

/** Lookups in the DNS. */
export const DNS = {
  /** Servers that the configuration or the system names. */
  serversMax: 10,
  /** One question to one server, over UDP; then the next server is asked, and all of them a second time. */
  attempt: 3 * second,
  rounds: 2,
  /** So long IPv4 addresses wait for those of IPv6: seconds later it may be known that there are none. */
  ipv6Patience: 1 * second,
  /** The same over TCP, where the answer did not fit into a datagram. */
  tcp: 5 * second,
  /** Octets of an answer that a datagram may have (RFC 9715 section 3.1; the DNS flag day's figure). */
  datagramOctetsMax: 1232,
  /** Octets of any answer: a thousand MX records. Names made of names take the thread some 40 ms of these, and 200 ms of 64 KiB. */
  answerOctetsMax: 32 * KiB,
  /**
   * Lookups under way in one thread, a socket each: so many in their first moment, and so many that take longer because
   * somebody says nothing. A server that is asked for the first time has mostly answered within that moment, and 1,000 in
   * half a second are 2,000 silent ones a second; more a thread has no time for (0.2 ms each).
   */
  youngMax: 1000,
  youngFor: 500,
  slowMax: 1500,
  /** Lookups that begin before the thread looks after something else: some milliseconds. */
  startsPerTurn: 20,
  /** Lookups that wait their turn: as many as a thread has deliveries in hand. */
  waitingMax: 10_000,
  /** Names that stand for other names, one after the other. */
  aliasesMax: 8,
  /** Answers that one thread remembers. */
  rememberedMax: 20_000,
  /** An answer is good for what its records say, within these. */
  ttlMin: 5 * second,
  ttlMax: 1 * day,
  /** What does not exist is believed for what the zone says, at most so long (RFC 2308 section 5). */
  ttlAbsentMax: 1 * hour,
  /** A zone without an SOA record in its answer does not say. */
  ttlAbsentDefault: 1 * minute,
  /** No answer is remembered too, so that a dead server is not asked for each message. */
  ttlFailed: 15 * second,
} as const;

/** The parts of a message, where one has to look into it. */
export const MIME = {
  /** Parts inside parts. */
  depthMax: 50,
  /** Octets of one part's header; what is longer is body. */
  headerOctetsMax: 256 * KiB,
  /** Octets of a line that are waited for: boundaries are shorter, and other lines may go on in pieces. */
  lineOctetsKept: 4 * KiB,
  /** A boundary of 70 characters (RFC 2046 section 5.1.1), its dashes, and white space that a gateway put behind it. */
  boundaryLineMax: 200,
} as const;

/** Reports to senders. */
export const DSN = {
  /** Characters of what a server said, in the fields for programs and in the words for people. */
  diagnosticMax: 2000,
  shownDiagnosticMax: 500,
  /** Characters of the message's subject. */
  shownSubjectMax: 200,
  /** Characters of a recipient in a report's own subject; of a longer one it says that it is one. */
  subjectAddressMax: 100,
  /** Recipients that are kept with a report by name, for the notice to postmaster where it cannot be delivered. */
  keptRecipientsMax: 10,
  /** Octets of the message that go back with a report; of a longer one its header does, cut here. */
  returnedOctetsMax: 64 * KiB,
  /** Octets of what one report says about its recipients: of more there are several reports, that no server finds too large. */
  aboutOctetsMax: 256 * KiB,
  /** What fails of a message within this of the first, in one mail thread, is in one report; it stays in hand so long. */
  gatherFor: 1 * second,
  /** Reports of one mail thread that are being made or recorded; further ends of deliveries wait for their turn. */
  underWayMax: 64,
  /** Messages of one sender whose reports one mail thread makes in `allowedPer`: a forged sender is no target (ATTACKS 16-17). */
  perSenderMax: 1000,
  /** Notices of success, likewise; each is one's own, for they do not wait for each other. */
  successesPerSenderMax: 1000,
  /** Messages of one mail thread that postmaster hears of in `allowedPer`: what fails does so in crowds, and a few tell of it. */
  doubleBouncesMax: 20,
  allowedPer: 1 * hour,
  /** Messages that were reported, so that all later reports of them are let through. */
  reportedKept: 10_000,
  /** Addresses whose reports are counted; one that is busy is not forgotten for those that are not. */
  sendersCounted: 10_000,
  /** A message without a sender is not worth more (FIELD). */
  lifeMax: 1 * day,
  /** Senders that ask to hear of delays do so after this, unless `retry.delay_notice` says otherwise (FIELD). */
  delayNoticeAfter: 4 * hour,
} as const;

/** What `retry` may say. */
export const RETRY = {
  waitMin: 1 * second,
  waitMax: 7 * day,
  /** Waits of a schedule. */
  scheduleMax: 50,
  /** RFC 5321 4.5.4.1: four to five days, unless the configuration says otherwise. */
  expire: 5 * day,
  expireMin: 1 * second,
  expireMax: 30 * day,
  delayNoticeMin: 1 * second,
} as const;

/** The wall clock, as a mail thread watches it. */
export const CLOCK = {
  /** How often wall clock and monotonic clock are compared. */
  lookEvery: 10 * second,
  /** A drift between two looks that is no drift any more, but a jump. */
  jumpMin: 1 * minute,
  /** So far ahead of the clock a time may be of a clock that was put right little by little. */
  aheadMax: 1 * hour,
  jumpsKept: 100,
} as const;

/** The queue. */
export const QUEUE = {
  /** Content of accepted messages that one mail thread keeps for delivery from memory; the rest is read back. */
  inHandOctetsMax: 64 * MiB,
  /** Deliveries that one mail thread has in hand. */
  inHandDeliveriesMax: 10_000,
  /** The queue hears of what is delivered or done with in groups of this many. */
  reportEvery: 20,
  /** Lanes per claim, and deliveries of each. */
  lanesPerClaim: 50,
  deliveriesPerLaneClaim: 100,
  /** Deliveries of one claim of all lanes together: some milliseconds of the store thread. */
  deliveriesPerClaim: 250,
  /** Deliveries that one step of an operator's action changes: some milliseconds of the store thread. */
  deliveriesPerAction: 100,
  /** Content that one claim reads into memory. */
  claimOctetsMax: 8 * MiB,
  /** Deliveries claimed and not done with, and their content in memory, on all mail threads together. */
  claimedMax: 5000,
  claimedOctetsMax: 64 * MiB,
  /** Connections of a site: adaptive between these (FIELD), unless the configuration has another bound. */
  windowStart: 5,
  windowMax: 20,
  connectionsPerSiteMax: 1000,
  /** What a configured rate may be, a minute. */
  ratePerMinuteMax: 100_000,
  /** Sites not in use whose failures the queue thread remembers, so that their waits go on growing. */
  restingSitesMax: 10_000,
  /** Blocked sites that a mail thread remembers, so that what arrives for them is parked without a question. */
  blockedSitesMax: 10_000,
  /** How often it is looked for mail whose time is over while its next hop is away, and messages of one look and one step. */
  overdueEvery: 1 * minute,
  overduePerLook: 10_000,
  overduePerStep: 100,
  /** Lanes, and deliveries, of one step that brings forward what a clock that was ahead put off. */
  lanesPerPullIn: 100,
  deliveriesPerPullIn: 500,
  /** Recipients of a message; also the span of row numbers that the store keeps for one message. */
  deliveriesPerMessageMax: 4096,
} as const;

/** The store. */
export const STORE = {
  /** Rows that one statement of the writer may touch. */
  rowsPerStatementMax: 500,
  /** Octets of one group commit; above it the rest waits for the next. */
  commitOctetsMax: 16 * MiB,
  /** Set aside in a file and given back when the disk is full, so that the ends of deliveries can still be recorded. */
  reserveOctets: 8 * MiB,
  /** Without the reserve deliveries begin only while this much is free. */
  completionOctets: 2 * MiB,
  /** Free pages that the queue store keeps for what comes next. */
  freePagesKept: 1000,
  /** Pages that the queue store gives back to the system each second while they are free, and where space is low. */
  shrinkPages: 250,
  shrinkPagesWhenLow: 2500,
  /** Rows that a look for one message goes through on each side of where it should be: 50 ms, whatever the queue has. */
  lookedThroughMax: 10_000,
  /** How often free space, and whether the store's files are those that were opened, is looked at. */
  spaceCheck: 1 * second,
  /** Files that no message has are kept aside for this long, as far as there is room: time to notice that a store is lost. */
  orphansKept: 7 * day,
} as const;

/** The spool of sendmail. */
export const SPOOL = {
  /** Recipients of one file: they are one transaction, whatever `limits.recipients_per_message` says. */
  recipientsMax: 500,
  /** Octets before the content: that many command lines, the longest there are. */
  headOctetsMax: 2 * MiB,
  /** How often the relay looks for files. */
  look: 1 * second,
  /** Entries of the folder that one look reads: any user may put there what it likes, and each look goes on where the last one ended. */
  entriesPerLook: 2000,
  /** Files that one look takes, and how many of them at a time, so that they share group commits. */
  perLook: 500,
  together: 16,
  /** A file that could not be taken for now is tried again after this; where it is the file's own trouble, later and later. */
  retry: 30 * second,
  retryMax: 10 * minute,
  /** Files of which it is known that they failed: any user may leave what cannot be taken. */
  retriesMax: 10_000,
  /** Of those that fail the log says so many by name, and then how many more there were. */
  failuresToldPerMinute: 100,
  /** A file older than `retry.expire` is given up when it failed for this long: not the first time after a long night. */
  failingMin: 1 * hour,
  /** What nobody finished within this has no sender that waits: it was never said to be kept. */
  unfinishedMax: 1 * day,
  /** Entries of the spool, and of its folder `dead`, that `waypost status` looks at: some milliseconds of the control thread. */
  counted: 1000,
} as const;

/** Files that the configuration is read from: a wrong path may name anything, also /dev/zero. */
export const CONFIG_FILES = {
  octetsMax: 1 * MiB,
  secretOctetsMax: 64 * KiB,
  /** A chain or a bundle of authorities; the system's own has a quarter of it. */
  pemOctetsMax: 1 * MiB,
} as const;

/** A configuration that changes while the relay runs. */
export const RELOAD = {
  /** For the threads to get ready and to go by it: a thread that takes longer is stuck, and nothing is changed. */
  patience: 30 * second,
  /** Keys of TLS tickets are good for this long: whoever gets hold of one reads no more than what was said by then. */
  ticketLife: 1 * day,
  /** Looks at the files of certificates, which whoever renews them puts there without a word. */
  certificateLook: 10 * second,
} as const;

/** The end of a relay that stops in order. */
export const STOP = {
  /** What is under way gets this long: service managers kill after 90 s, container runtimes after 10 s unless told. */
  drain: 30 * second,
  /** What has no content on its way by then is not waited for. */
  hurry: 2 * second,
  /** What was ended in the middle is told of within this. */
  abandon: 3 * second,
  /** What one thread gets: the drain, and time to record its ends. */
  thread: 35 * second,
  /** What the other threads get to end when one died. */
  death: 2 * second,
  /** What the reader of the log gets to take the last lines. */
  flushLog: 2 * second,
} as const;

/** The control thread: history, and the socket that commands ask. */
export const CONTROL = {
  /** Octets of a unix socket's path: Linux has room for 108 with the NUL at the end (unix(7)). */
  socketPathOctetsMax: 107,
  /** Deliveries of one answer. */
  listedMax: 1000,
  /** Lanes of one answer, those with most that waits. */
  lanesShown: 20,
  /** Lanes that the queue thread is asked about at a time: beyond them a page says less. */
  lanesAsked: 100,
  /** For what the queue thread knows of sites; it answers within a millisecond, and a page without it is better than none. */
  queuePatience: 1 * second,
  /** So long the word that the relay started waits for the thread that takes commands; mail does not. */
  startPatience: 10 * second,
  /** For one step of what an operator does: a store that takes longer hangs, and the command says so while it still waits. */
  storePatience: 5 * second,
  /** Octets of one answer that a command takes: 1,000 deliveries with the longest paths and replies. */
  answerOctetsMax: 16 * MiB,
  request: 10 * second,
  /** Octets of a request's body: a selection with the longest path. */
  requestOctetsMax: 16 * KiB,
  /** For what a command asks that has all threads take part: `RELOAD.patience` and some. */
  reloadPatience: 60 * second,
  /** An action on many deliveries answers after this how far it came, and goes on with the next request. */
  actionPage: 2 * second,
  /** Lanes that are paused one by one; above it `pause outbound` is meant. */
  pausedLanesMax: 1000,
  /** Between tries to make the socket anew. */
  listenRetry: 1 * minute,
  /** A thread that lived this long was well: when it dies, its waits start anew. */
  steadyAfter: 10 * minute,
} as const;

/** History. */
export const HISTORY = {
  /** Batches that somebody who looks something up waits for. */
  batchesPerLook: 5,
  /** Days that are kept: two weeks answer the questions that people ask about a message. */
  keptFor: 14 * day,
  /** Octets of all days; above it the oldest go, so that a flood of attempts does not take the disk from the queue. */
  octetsMax: 10 * GiB,
  /** What a configuration may say: more is a slip of the hand. */
  keptForMax: 3650 * day,
  octetsMaxMax: 1_000_000 * GiB,
  retireEvery: 1 * hour,
  /** Rows of the outbox in one transaction: each has what one group commit ended. */
  rowsPerBatch: 100,
  /** Day files that are kept open to write: today, yesterday around midnight, one more for a clock that jumped. */
  openDaysMax: 3,
} as const;

/** A backup, in steps: each is a look at the store that is short, so that its log is emptied between them. */
export const BACKUP = {
  messagesPerStep: 500,
  /** Messages with many recipients, or with much content, come in fewer a step. */
  deliveriesPerStep: 5000,
  /** So much content takes as long as a delivery. */
  octetsPerDelivery: 4 * KiB,
  entriesPerStep: 2000,
} as const;

/** Queues that move from one relay to another. */
export const IMPORT = {
  /** Of what came from another relay it is known so long that it came. Mail does not wait that long. */
  knownFor: 30 * day,
  /** Messages of one request, and of one transaction. */
  messagesPerStep: 200,
  /** A message that would make it more comes with the next one. */
  octetsPerStep: 4 * MiB,
  /** Recipients of one transaction, which takes some 10 ms then: those of the message that has most. */
  deliveriesPerStep: QUEUE.deliveriesPerMessageMax,
  /** For one request: the largest message, to a slow disk. */
  request: 5 * minute,
  /** Octets of the line before a content: 4,096 recipients with the longest paths and replies. */
  lineOctetsMax: 64 * MiB,
  /** What is in hand when deliveries are paused ends within the time that a session may take for a message. */
  inHandPatience: 15 * minute,
  lookEvery: second / 10,
} as const;

/** What is known of how much comes and goes. */
export const TRAFFIC = {
  /** Latencies are of so many seconds. */
  seconds: 60,
  /** Rates are of so many. */
  rateSeconds: 10,
  /** Ends of the last ones may be on their way to history yet. */
  settleSeconds: 2,
  lookEvery: 1 * second,
} as const;

/** What `waypost trace` reads of a message that somebody names. */
export const TRACE = {
  /** Octets of a header: as much as we take ourselves. */
  headerOctetsMax: INBOUND.headerOctetsMax,
  /** Octets of a field's name, with its colon. */
  nameOctetsMax: 200,
  /** `Received` fields: ten times what is a loop to anybody; those at the bottom count. */
  hopsMax: 1000,
  /** Characters that are shown of what a filter said, and of anything else that the message has. */
  markCharactersMax: 120,
  textCharactersMax: 200,
  /** Names that a server has besides the one it stamps with: Exchange has two. */
  namesMax: 8,
  /** Characters of a sentence of ours that quotes several names. */
  remarkCharactersMax: 600,
  /** Reports about one message that are looked up. */
  reportsMax: 20,
  /** Fields of filters shown between two hops. */
  marksShownMax: 8,
} as const;

/** Logs. */
export const LOGS = {
  /** Lines kept for a reader of stdout that stops; beyond it lines are dropped and counted. */
  pendingOctetsMax: 4 * MiB,
  /** Errors of one listener are told this often: each connection may be one. */
  listenerErrorEvery: 10 * second,
  /**
   * Of what strangers do, one mail thread writes so many lines of an event in a minute: of one client, which a broken application, or
   * one that guesses passwords, reaches in seconds; and of all. The others are counted.
   */
  strangerLinesPerMinute: 100,
  strangersLinesPerMinute: 1000,
  /** Clients of which a minute's count is told by name. */
  strangersNamedMax: 1000,
} as const;

/** Passwords that clients give. */
export const PASSWORDS = {
  /** Checks that wait for a core, each some 50 to 500 ms as the hash is; beyond it the answer is 454. Clients take turns. */
  waitingMax: 100,
  /** Successful logins that are remembered, so that an application that reconnects costs nothing. */
  rememberedMax: 10_000,
  rememberedFor: 10 * minute,
} as const;
