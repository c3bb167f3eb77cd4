-- name: setting
SELECT value FROM settings WHERE name = ?;

-- name: put setting
INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?);

-- name: delete setting
DELETE FROM settings WHERE name = ?;

-- name: contacts
SELECT account, relation, version, name, devices, signed, petname, verified, warning,
       pair, half, invitation, addresses, added, last_seen, hub
FROM contacts ORDER BY added DESC, account;

-- name: put contact
INSERT OR REPLACE INTO contacts (account, relation, version, name, devices, signed, petname, verified,
                                 warning, pair, half, invitation, addresses, added, last_seen, hub)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: delete contact
DELETE FROM contacts WHERE account = ?;

-- name: invitations
SELECT secret, created, expires, reusable, used_by, revoked, sphere FROM invitations ORDER BY created DESC, secret;

-- name: put invitation
INSERT OR REPLACE INTO invitations (secret, created, expires, reusable, used_by, revoked, sphere)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: blocks
SELECT account, since, until, lifted FROM blocks ORDER BY since DESC, account;

-- name: put block
INSERT OR REPLACE INTO blocks (account, since, until, lifted) VALUES (?, ?, ?, ?);
