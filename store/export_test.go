package store

import (
	"context"

	"kith/internal/sqlfile"
)

// OpenNextSchema opens a store as a later version of the program would, one
// with a script more.
func OpenNextSchema(ctx context.Context, path string, o Options, script string) (*Store, error) {
	scripts, err := sqlfile.ReadScripts(sqlFiles)
	if err != nil {
		return nil, err
	}
	scripts.Schema = append(scripts.Schema, script)
	return openScripts(ctx, path, o, scripts)
}

// Behind reports whether the index of words lacks messages.
func (s *Store) Behind(ctx context.Context) (behind bool, err error) {
	err = s.read(ctx, "look at the index", func(c conn) (err error) {
		behind, err = c.One("anything unindexed", func(*row) {})
		return err
	})
	return behind, err
}
