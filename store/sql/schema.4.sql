-- Schema 4: where shared files lie on this device.

ALTER TABLE spheres DROP COLUMN folder;

-- The folders of conversations, once they are made or something was chosen.
CREATE TABLE folders (
	conversation BLOB    PRIMARY KEY,     -- the ConversationID
	path         TEXT    NOT NULL,        -- absolute; empty while it is not made
	fetch        TEXT    NOT NULL,        -- empty: as is usual
	most         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How shares and torrents lie here; those without a row have not been looked at.
CREATE TABLE holdings (
	event        BLOB    PRIMARY KEY,     -- of the share
	conversation BLOB    NOT NULL,
	infohash     BLOB    NOT NULL,
	state        TEXT    NOT NULL,
	path         TEXT    NOT NULL,        -- below the folder; empty if nowhere
	source       TEXT    NOT NULL,        -- absolute, of an own one whose bytes lie elsewhere
	replaces     BLOB    NOT NULL,        -- the older version's EventID, or nothing
	link         TEXT    NOT NULL,        -- kind of the link to source
	kept         INTEGER NOT NULL         -- since when it is an older version; 0 if it is none
) STRICT, WITHOUT ROWID;

-- The files that lay in a folder when it was looked at last.
CREATE TABLE glances (
	conversation BLOB    NOT NULL,
	path         TEXT    NOT NULL,
	size         INTEGER NOT NULL,
	modified     INTEGER NOT NULL,        -- nanoseconds
	inode        INTEGER NOT NULL,
	link         INTEGER NOT NULL,
	PRIMARY KEY (conversation, path)
) STRICT, WITHOUT ROWID;
