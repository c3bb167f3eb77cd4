package store

import "context"

// OpenNextSchema opens a store as a later version of the program would, one
// with a script more.
func OpenNextSchema(ctx context.Context, path string, o Options, script string) (*Store, error) {
	schema, err := schemaFiles()
	if err != nil {
		return nil, err
	}
	return openSchema(ctx, path, o, append(schema, script))
}
