-- The first format of a mailbox.

CREATE TABLE boxes (
	id    INTEGER PRIMARY KEY,
	key   BLOB NOT NULL UNIQUE,
	token BLOB NOT NULL,    -- SHA-256 of it
	used  INTEGER NOT NULL  -- when its owner opened it last, Unix milliseconds, to the day
);
CREATE INDEX boxes_by_use ON boxes (used);

-- A number is never given twice, or taking an old envelope could take a new one.
CREATE TABLE envelopes (
	id    INTEGER PRIMARY KEY AUTOINCREMENT,
	box   INTEGER NOT NULL,
	size  INTEGER NOT NULL, -- with what it counts beyond its bytes
	until INTEGER NOT NULL, -- Unix milliseconds
	body  BLOB NOT NULL
);
CREATE INDEX envelopes_by_box ON envelopes (box, id, size);

CREATE TABLE bundles (
	id    INTEGER PRIMARY KEY,
	name  BLOB NOT NULL UNIQUE,
	owner BLOB NOT NULL,    -- the key of a device on this hub
	size  INTEGER NOT NULL,
	until INTEGER NOT NULL,
	body  BLOB NOT NULL
);
CREATE INDEX bundles_by_owner ON bundles (owner);
CREATE INDEX bundles_by_end ON bundles (until);
