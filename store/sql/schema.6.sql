-- Schema 6: what seedboxes keep of this account's shares.

CREATE TABLE keepings (
	hub      TEXT    NOT NULL,       -- its host
	infohash BLOB    NOT NULL,
	state    TEXT    NOT NULL,       -- the caller's word
	size     INTEGER NOT NULL,       -- bytes of ciphertext
	until    INTEGER NOT NULL,       -- as the hub said last
	heard    INTEGER NOT NULL,       -- when it did
	PRIMARY KEY (hub, infohash)
) STRICT, WITHOUT ROWID;
