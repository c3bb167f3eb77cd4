-- Schema 1. Times are milliseconds since 1970 in UTC, 0 is "never".

CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
	id      INTEGER PRIMARY KEY,
	name    BLOB    NOT NULL UNIQUE,      -- the ConversationID
	account BLOB,                         -- the other one's, if direct
	highest INTEGER NOT NULL DEFAULT 0,   -- Order seen
	unread  INTEGER NOT NULL DEFAULT 0,   -- visible messages of others beyond authors.read
	last    INTEGER,                      -- messages.id of the newest visible message
	active  INTEGER NOT NULL DEFAULT 0    -- and its Order
) STRICT;

-- An author is one device in one conversation.
CREATE TABLE authors (
	id           INTEGER PRIMARY KEY,
	conversation INTEGER NOT NULL,
	device       BLOB    NOT NULL,
	account      BLOB    NOT NULL,
	seq          INTEGER NOT NULL DEFAULT 0,  -- all events up to it are here
	event        BLOB    NOT NULL DEFAULT x'',-- the EventID at seq
	read         INTEGER NOT NULL DEFAULT 0,  -- how far this account's person has read it
	delivered    INTEGER NOT NULL DEFAULT 0,  -- how far everybody it is for has it,
	seen         INTEGER NOT NULL DEFAULT 0,  -- and has read it: derived from marks
	UNIQUE (conversation, device)
) STRICT;

-- The id follows Order (see newID), so that what is new lies together.
CREATE TABLE events (
	id     INTEGER PRIMARY KEY,
	author INTEGER NOT NULL,
	seq    INTEGER NOT NULL,
	event  BLOB    NOT NULL,   -- the EventID
	target BLOB,               -- of the event that this one is about
	state  INTEGER NOT NULL,   -- see eventState
	raw    BLOB    NOT NULL,
	proof  BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_number   ON events (author, seq);
CREATE INDEX        events_event    ON events (event);
CREATE INDEX        events_target   ON events (target) WHERE target IS NOT NULL;
CREATE INDEX        events_withheld ON events (author) WHERE state = 2;

-- A message has the id of the text event that it is the fold of.
CREATE TABLE messages (
	id           INTEGER PRIMARY KEY,
	conversation INTEGER NOT NULL,
	ord          INTEGER NOT NULL,
	seq          INTEGER NOT NULL,
	author       INTEGER NOT NULL,
	event        BLOB    NOT NULL,
	sent         INTEGER NOT NULL,
	text         TEXT    NOT NULL,
	reply_to     BLOB,
	edited       BLOB,               -- a Stamp: Order, ID; 8 + 16 bytes
	deleted      INTEGER NOT NULL,
	hidden       INTEGER NOT NULL,
	reactions    TEXT                -- JSON of []kith.AccountReaction
) STRICT;
CREATE UNIQUE INDEX messages_order  ON messages (conversation, ord, event) WHERE hidden = 0;
CREATE INDEX        messages_hidden ON messages (author) WHERE hidden = 1;

-- What the devices of others told that they have and have read.
CREATE TABLE marks (
	conversation INTEGER NOT NULL,
	account      BLOB    NOT NULL,   -- of the peer
	device       BLOB    NOT NULL,
	author       BLOB    NOT NULL,   -- the author's DeviceID, who may be unknown here
	seq          INTEGER NOT NULL,
	event        BLOB    NOT NULL,
	read         INTEGER NOT NULL,
	at           INTEGER NOT NULL,   -- of the last change
	PRIMARY KEY (conversation, author, account, device)
) STRICT, WITHOUT ROWID;

-- How the marks on this account's own events rose; the newest few thousand
-- steps of each conversation.
CREATE TABLE steps (
	id           INTEGER PRIMARY KEY,
	conversation INTEGER NOT NULL,
	account      BLOB    NOT NULL,
	device       BLOB    NOT NULL,
	author       BLOB    NOT NULL,
	seq          INTEGER NOT NULL,
	read         INTEGER NOT NULL,
	at           INTEGER NOT NULL
) STRICT;
CREATE INDEX steps_author       ON steps (conversation, author);
CREATE INDEX steps_conversation ON steps (conversation); -- and id, for thinning

-- The index of words: rowid is messages.id. What it holds of a message is told
-- by searchable; conversation is one token, "c" and conversations.id.
CREATE VIRTUAL TABLE words USING fts5 (
	text, conversation,
	content = '', contentless_delete = 1,
	tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3 4'
);

-- Messages that the index of words does not hold as they are now. A fresh one
-- it does not hold at all.
CREATE TABLE unindexed (
	id    INTEGER PRIMARY KEY,
	fresh INTEGER NOT NULL
) STRICT;

CREATE TABLE contacts (
	account    BLOB PRIMARY KEY,
	relation   TEXT    NOT NULL,
	version    INTEGER NOT NULL,   -- of the card
	name       TEXT    NOT NULL,
	devices    BLOB    NOT NULL,   -- 32 bytes each
	signed     BLOB    NOT NULL,
	petname    TEXT    NOT NULL,
	verified   INTEGER NOT NULL,
	warning    TEXT    NOT NULL,
	pair       BLOB    NOT NULL,
	half       BLOB    NOT NULL,
	invitation BLOB    NOT NULL,
	addresses  TEXT    NOT NULL,   -- separated by spaces
	added      INTEGER NOT NULL,
	last_seen  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE invitations (
	secret   BLOB PRIMARY KEY,
	created  INTEGER NOT NULL,
	expires  INTEGER NOT NULL,
	reusable INTEGER NOT NULL,
	used_by  BLOB    NOT NULL,
	revoked  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blocks (
	account BLOB    NOT NULL,
	since   INTEGER NOT NULL,
	until   INTEGER NOT NULL,
	lifted  INTEGER NOT NULL,
	PRIMARY KEY (account, since)
) STRICT, WITHOUT ROWID;
