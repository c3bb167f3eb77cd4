-- Schema 3: spheres, and messages that carry files.

ALTER TABLE conversations ADD COLUMN sphere INTEGER NOT NULL DEFAULT 0;

ALTER TABLE authors ADD COLUMN held        INTEGER NOT NULL DEFAULT 0;    -- how far anybody else has it, in a sphere
ALTER TABLE authors ADD COLUMN certificate BLOB    NOT NULL DEFAULT x'';  -- of the device, in a sphere

-- What a sphere is beside its conversation.
CREATE TABLE spheres (
	conversation INTEGER PRIMARY KEY,
	state        TEXT    NOT NULL,
	inviter      BLOB    NOT NULL,
	name         TEXT    NOT NULL,
	folder       TEXT    NOT NULL,
	joined       INTEGER NOT NULL,
	settings     BLOB    NOT NULL
) STRICT;

-- The roster; ids rise as the records came, which is parents first.
CREATE TABLE records (
	id           INTEGER PRIMARY KEY,
	conversation INTEGER NOT NULL,
	record       BLOB    NOT NULL UNIQUE,   -- the RecordID
	account      BLOB    NOT NULL,
	device       BLOB    NOT NULL,
	raw          BLOB    NOT NULL,
	proof        BLOB    NOT NULL,
	certificate  BLOB    NOT NULL
) STRICT;
CREATE INDEX records_conversation ON records (conversation); -- and id

-- The present members of spheres other than this account.
CREATE TABLE members (
	conversation INTEGER NOT NULL,
	account      BLOB    NOT NULL,
	PRIMARY KEY (conversation, account)
) STRICT, WITHOUT ROWID;

-- What everybody had, and had read, of an own device when a member came. It
-- does not become undelivered by that, whether the member ever gets it or not.
CREATE TABLE exempt (
	conversation INTEGER NOT NULL,
	author       BLOB    NOT NULL,   -- the DeviceID
	account      BLOB    NOT NULL,   -- of the member
	seq          INTEGER NOT NULL,
	read         INTEGER NOT NULL,
	PRIMARY KEY (conversation, author, account)
) STRICT, WITHOUT ROWID;

-- Contacts who were invited into a sphere and have not answered.
CREATE TABLE sphere_invites (
	sphere  BLOB    NOT NULL,   -- the ConversationID
	account BLOB    NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (sphere, account)
) STRICT, WITHOUT ROWID;

ALTER TABLE invitations ADD COLUMN sphere BLOB NOT NULL DEFAULT x'';  -- into which it leads, if any

-- kind is the event's, 0 of a note, which has a negative id and no author. body
-- is what the other columns do not hold (see packBody). hidden is made of bits
-- now: 1 its author was blocked, 2 it does not count in the sphere.
ALTER TABLE messages ADD COLUMN kind INTEGER NOT NULL DEFAULT 1;
ALTER TABLE messages ADD COLUMN body BLOB;

CREATE INDEX messages_files      ON messages (conversation, ord, event) WHERE kind > 4 AND hidden = 0 AND deleted = 0;
CREATE INDEX messages_files_all  ON messages (ord, event)               WHERE kind > 4 AND hidden = 0 AND deleted = 0;
CREATE INDEX messages_note       ON messages (event)                    WHERE kind = 0;
CREATE INDEX messages_notes      ON messages (conversation)             WHERE kind = 0;

DROP INDEX messages_hidden;
CREATE INDEX messages_hidden ON messages (author) WHERE hidden <> 0;

DROP INDEX events_withheld;
CREATE INDEX events_withheld ON events (author) WHERE state IN (2, 6);
