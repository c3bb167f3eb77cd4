package local

import "net/http"

func listen(home string) (*Listener, error) { return listenTCP(home) }

func transport(home string) (http.RoundTripper, error) { return transportTCP(home), nil }
