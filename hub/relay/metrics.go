package relay

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/pion/logging"
	"github.com/prometheus/client_golang/prometheus"
)

// counts are what happened since the start. Allocations count their own
// packets, so that no two of them write to the same memory for each; keep adds
// those of one that ends.
type counts struct {
	allocated, refusedLogins, overQuota, refusedPeers, refusedStreams atomic.Uint64
	malformed, notPermitted, overRate, unsent                         atomic.Uint64

	up, down struct{ packets, bytes atomic.Uint64 }
}

func (c *counts) keep(a *allocation) {
	c.up.packets.Add(a.up.packets.Load())
	c.up.bytes.Add(a.up.bytes.Load())
	c.down.packets.Add(a.down.packets.Load())
	c.down.bytes.Add(a.down.bytes.Load())
}

var (
	allocationsNow = prometheus.NewDesc("kith_hub_relay_allocations", "Relayed addresses that clients have now.", nil, nil)
	streamsNow     = prometheus.NewDesc("kith_hub_relay_streams", "TCP and TLS connections of clients now.", nil, nil)
	allocationsAll = prometheus.NewDesc("kith_hub_relay_allocations_total", "Relayed addresses given out.", nil, nil)
	packetsAll     = prometheus.NewDesc("kith_hub_relay_packets_total", "Packets carried, to peers and to clients.", []string{"to"}, nil)
	bytesAll       = prometheus.NewDesc("kith_hub_relay_bytes_total", "Bytes carried, without headers, to peers and to clients.", []string{"to"}, nil)
	droppedAll     = prometheus.NewDesc("kith_hub_relay_dropped_total", "Packets not carried, by reason.", []string{"reason"}, nil)
	refusedAll     = prometheus.NewDesc("kith_hub_relay_refused_total", "Requests refused, by reason.", []string{"reason"}, nil)
)

// Describe tells Prometheus what is counted.
func (s *Server) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{allocationsNow, streamsNow, allocationsAll, packetsAll, bytesAll, droppedAll, refusedAll} {
		to <- d
	}
}

// Collect tells Prometheus the counts.
func (s *Server) Collect(to chan<- prometheus.Metric) {
	t := s.Totals()
	s.streams.mu.Lock()
	streams := len(s.streams.all)
	s.streams.mu.Unlock()
	gauge := func(d *prometheus.Desc, n int) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge(allocationsNow, t.Allocations)
	gauge(streamsNow, streams)
	counter(allocationsAll, s.counts.allocated.Load())
	counter(packetsAll, t.PacketsToPeers, "peer")
	counter(packetsAll, t.PacketsToClients, "client")
	counter(bytesAll, t.BytesToPeers, "peer")
	counter(bytesAll, t.BytesToClients, "client")
	c := &s.counts
	for reason, n := range map[string]*atomic.Uint64{
		"malformed": &c.malformed, "not_permitted": &c.notPermitted, "over_rate": &c.overRate, "unsent": &c.unsent,
	} {
		counter(droppedAll, n.Load(), reason)
	}
	for reason, n := range map[string]*atomic.Uint64{
		"login": &c.refusedLogins, "quota": &c.overQuota, "peer": &c.refusedPeers, "streams": &c.refusedStreams,
	} {
		counter(refusedAll, n.Load(), reason)
	}
}

// Totals are what the relay has carried since its start.
type Totals struct {
	Allocations                      int // now
	PacketsToPeers, PacketsToClients uint64
	BytesToPeers, BytesToClients     uint64
}

// Totals adds up what was carried.
func (s *Server) Totals() Totals {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := &s.counts
	t := Totals{len(s.relayed), c.up.packets.Load(), c.down.packets.Load(), c.up.bytes.Load(), c.down.bytes.Load()}
	for _, a := range s.relayed {
		t.PacketsToPeers += a.up.packets.Load()
		t.PacketsToClients += a.down.packets.Load()
		t.BytesToPeers += a.up.bytes.Load()
		t.BytesToClients += a.down.bytes.Load()
	}
	return t
}

// quiet is the log of the library. What it says names users and addresses, so
// only whoever asks for debugging hears its complaints.
type quiet struct{ log *slog.Logger }

func (q quiet) NewLogger(string) logging.LeveledLogger { return q }

func (q quiet) Trace(string)          {}
func (q quiet) Tracef(string, ...any) {}
func (q quiet) Debug(string)          {}
func (q quiet) Debugf(string, ...any) {}
func (q quiet) Info(string)           {}
func (q quiet) Infof(string, ...any)  {}

func (q quiet) Warn(text string)                  { q.log.Debug("relay: " + text) }
func (q quiet) Warnf(format string, args ...any)  { q.say(format, args) }
func (q quiet) Error(text string)                 { q.log.Debug("relay: " + text) }
func (q quiet) Errorf(format string, args ...any) { q.say(format, args) }

func (q quiet) say(format string, args []any) {
	if q.log.Enabled(context.Background(), slog.LevelDebug) {
		q.log.Debug("relay: " + fmt.Sprintf(format, args...))
	}
}
