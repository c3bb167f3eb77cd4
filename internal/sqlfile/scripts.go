package sqlfile

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Scripts are the SQL of a database.
type Scripts struct {
	Schema     []string          // each leads from one format to the next; the first makes format 1
	Connection string            // is run on every connection: temporary views
	Queries    map[string]string // by their names; shared, never written
}

// ReadScripts reads the folder sql of files.
func ReadScripts(files fs.FS) (Scripts, error) {
	s := Scripts{Queries: make(map[string]string)}
	for {
		script, err := fs.ReadFile(files, fmt.Sprintf("sql/schema.%d.sql", len(s.Schema)+1))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return Scripts{}, err
		}
		s.Schema = append(s.Schema, string(script))
	}
	script, err := fs.ReadFile(files, "sql/connection.sql")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Scripts{}, err
	}
	s.Connection = string(script)
	names, err := fs.Glob(files, "sql/*.sql")
	if err != nil {
		return Scripts{}, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return Scripts{}, err
		}
		for _, part := range strings.Split("\n"+string(text), "\n-- name: ")[1:] {
			name, query, _ := strings.Cut(part, "\n")
			s.Queries[name] = query
		}
	}
	return s, nil
}

// transactions are the queries that every connection has.
var transactions = map[string]string{
	"begin":         "BEGIN",
	"begin writing": "BEGIN IMMEDIATE",
	"commit":        "COMMIT",
	"rollback":      "ROLLBACK",
	"savepoint":     "SAVEPOINT one",
	"release":       "RELEASE one",
	"undo":          "ROLLBACK TO one",
}
