// Package ui is the page: a Svelte application that speaks to the API of the
// node which serves it. Vite builds it into dist, from where it is embedded.
//
// Everything the page shows comes from one typed service per noun
// (src/lib/*.svelte.ts), which the events of the node keep current; the
// components only draw it. The types of the API are made from
// api/openapi.json, so that page and node can't drift apart.
package ui

import (
	"embed"
	"io/fs"
)

// all: also takes .keep, the only file before the page was built.
//
//go:embed all:dist
var dist embed.FS

// Files is the built page. ok is false if this program was compiled without it.
func Files() (files fs.FS, ok bool) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, false
	}
	_, err = fs.Stat(files, "index.html")
	return files, err == nil
}
