package hub

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"kith/hub/tracker"
	"kith/hubapi"
)

// Tracker tells members of public swarms about one another.
type Tracker struct {
	On     bool   `toml:"on"`
	UDP    string `toml:"udp"` // address; empty: HTTP and WebSocket only
	Swarms int    `toml:"swarms"`
	Peers  int    `toml:"peers"`
}

func defaultTracker() Tracker { return Tracker{UDP: ":6969", Swarms: 100_000, Peers: 500_000} }

// trackerPart runs a tracker.
type trackerPart struct {
	cfg     Tracker
	tracker *tracker.Tracker // nil until it starts
}

// Name implements part.
func (p *trackerPart) Name() string { return hubapi.PartTracker }

// Start implements part.
func (p *trackerPart) Start(_ context.Context, at place) (err error) {
	p.tracker, err = tracker.Start(tracker.Config{UDP: p.cfg.UDP, Address: at.Client, MaxSwarms: p.cfg.Swarms, MaxPeers: p.cfg.Peers}, at.Log)
	return err
}

// Handlers implements part.
func (p *trackerPart) Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"GET " + hubapi.PathTracker: p.tracker,
		"GET " + tracker.PathScrape: http.HandlerFunc(p.tracker.Scrape),
	}
}

// Collector implements measured.
func (p *trackerPart) Collector() prometheus.Collector { return p.tracker }

// Close implements part.
func (p *trackerPart) Close() error {
	if p.tracker == nil {
		return nil
	}
	return p.tracker.Close()
}
