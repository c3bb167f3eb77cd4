-- name: begin
BEGIN;
-- name: begin writing
BEGIN IMMEDIATE;
-- name: commit
COMMIT;
-- name: rollback
ROLLBACK;
-- name: savepoint
SAVEPOINT one;
-- name: release
RELEASE one;
-- name: undo
ROLLBACK TO one;
