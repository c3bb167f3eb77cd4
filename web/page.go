package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"

	"kith/ui"
)

// plain holds the login page, and the page of a program that was compiled
// without the built one: it says so, and how to build it.
//
//go:embed page
var plain embed.FS

// pageFile reads a file of the page.
func pageFile(file string) ([]byte, error) {
	if built, ok := ui.Files(); ok {
		if text, err := fs.ReadFile(built, file); err == nil {
			return text, nil
		}
	}
	return plain.ReadFile("page/" + file)
}

// page answers with an embedded file. It is small and may change with every
// version: browsers ask each time, and are told if it is still the same.
func (s *Server) page(w http.ResponseWriter, r *http.Request, status int, file string) {
	text, err := pageFile(file)
	if err != nil {
		http.Error(w, "there is no such page", http.StatusNotFound)
		return
	}
	head := w.Header()
	head.Set("Content-Type", contentType(file))
	if status != http.StatusOK {
		w.WriteHeader(status)
		w.Write(text)
		return
	}
	hash := sha256.Sum256(text)
	head.Set("Cache-Control", "no-cache")
	head.Set("ETag", `"`+hex.EncodeToString(hash[:8])+`"`)
	http.ServeContent(w, r, file, time.Time{}, bytes.NewReader(text))
}

// contentType does not ask the machine's own table, which on Windows may say
// anything of scripts.
func contentType(file string) string {
	switch path.Ext(file) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".png":
		return "image/png"
	case ".svg":
		return "image/svg+xml"
	case ".webmanifest":
		return "application/manifest+json"
	}
	return mime.TypeByExtension(path.Ext(file))
}
