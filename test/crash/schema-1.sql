-- The queue store as the first version wrote it. Written down here, and not made by the program's own steps: a step that was changed
-- after its release would make another store, and bring that up to date without a fault.
CREATE TABLE message (
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  octets INTEGER NOT NULL,
  envelope TEXT NOT NULL,
  content BLOB                       -- NULL: in the file of this id
) STRICT;
-- row = message * 4096 + ordinal: the deliveries of a message need no index of their own.
CREATE TABLE delivery (
  row INTEGER PRIMARY KEY,
  state INTEGER NOT NULL,            -- 0 parked, 1 in hand
  lane TEXT NOT NULL,
  due INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  recipient TEXT NOT NULL,
  options TEXT NOT NULL,
  last TEXT NOT NULL
) STRICT;
CREATE INDEX delivery_due ON delivery (lane, due) WHERE state = 0;
CREATE INDEX delivery_in_hand ON delivery (state) WHERE state = 1;
CREATE TABLE lane (
  name TEXT PRIMARY KEY,
  wake_at INTEGER NOT NULL,
  blocked_until INTEGER NOT NULL,
  backlog INTEGER NOT NULL           -- parked deliveries
) STRICT, WITHOUT ROWID;
CREATE INDEX lane_wake ON lane (wake_at);
CREATE TABLE upload (id TEXT PRIMARY KEY, message INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (row INTEGER PRIMARY KEY AUTOINCREMENT, entries TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;
