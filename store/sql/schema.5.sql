-- Schema 5: letters for devices that are away.

-- The devices of others with which letters are exchanged, or could be.
CREATE TABLE correspondents (
	account    BLOB    NOT NULL,
	device     BLOB    NOT NULL,
	sessions   BLOB    NOT NULL,   -- see seal.Sessions; empty if there is none
	drops      BLOB    NOT NULL,   -- where letters may be left for it; the node's own encoding
	told       BLOB    NOT NULL,   -- what it was told of this device; the node's own
	sent       INTEGER NOT NULL,   -- number of the last letter to it
	seen       INTEGER NOT NULL,   -- highest number of its letters that came
	unanswered BLOB    NOT NULL,   -- the ConversationIDs of which it is owed word
	since      INTEGER NOT NULL,   -- when the last letter came that it is owed word of
	wants      INTEGER NOT NULL,   -- how many prekeys it asked for
	wished     INTEGER NOT NULL,   -- when it was asked last for a new session,
	granted    INTEGER NOT NULL,   -- and when it asked last and got one
	PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;

-- The secret halves of prekeys that were given to one device of somebody, or,
-- with account and device zero, to whoever holds an invitation.
CREATE TABLE prekeys (
	id      INTEGER PRIMARY KEY,
	account BLOB    NOT NULL,
	device  BLOB    NOT NULL,
	secret  BLOB    NOT NULL,
	created INTEGER NOT NULL
) STRICT;
CREATE INDEX prekeys_for ON prekeys (account, device, created);

-- Prekeys of others, for sessions that begin here.
CREATE TABLE bundles (
	account BLOB    NOT NULL,
	device  BLOB    NOT NULL,
	prekey  INTEGER NOT NULL,
	bundle  BLOB    NOT NULL,
	PRIMARY KEY (account, device, prekey)
) STRICT, WITHOUT ROWID;

-- What of this account's events lies sealed with a hub for which device.
CREATE TABLE mailed (
	conversation BLOB    NOT NULL,   -- the ConversationID
	author       BLOB    NOT NULL,   -- the DeviceID that numbered them
	account      BLOB    NOT NULL,
	device       BLOB    NOT NULL,
	first        INTEGER NOT NULL,
	last         INTEGER NOT NULL,
	letter       INTEGER NOT NULL,   -- correspondents.sent
	hub          TEXT    NOT NULL,   -- its host
	until        INTEGER NOT NULL,
	PRIMARY KEY (conversation, author, account, device, last)
) STRICT, WITHOUT ROWID;
CREATE INDEX mailed_for ON mailed (account, device);

-- Up to where a device of somebody is known to have the roster of a sphere.
CREATE TABLE heard (
	account      BLOB NOT NULL,
	device       BLOB NOT NULL,
	conversation BLOB NOT NULL,      -- the ConversationID
	heads        BLOB NOT NULL,      -- RecordIDs
	PRIMARY KEY (account, device, conversation)
) STRICT, WITHOUT ROWID;

-- Events that overtook others of their author, in letters.
CREATE TABLE early (
	author INTEGER NOT NULL,         -- authors.id
	seq    INTEGER NOT NULL,
	raw    BLOB    NOT NULL,
	proof  BLOB    NOT NULL,
	after  BLOB    NOT NULL,         -- the EventID at seq - 1, or nothing
	at     INTEGER NOT NULL,
	PRIMARY KEY (author, seq)
) STRICT, WITHOUT ROWID;

-- Where an invitation says that its giver can be met: the URL of a hub.
ALTER TABLE contacts ADD COLUMN hub TEXT NOT NULL DEFAULT '';
