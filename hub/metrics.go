package hub

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kith/hub/mailbox"
)

// metrics are counts. None has a label that tells who or under which tag.
type metrics struct {
	registry *prometheus.Registry

	notes, mailed, taken        prometheus.Counter
	silent, slowReaders, slowed prometheus.Counter
	serverErrors                prometheus.Counter
	leaves, refused             *prometheus.CounterVec
}

func newMetrics(h *Hub) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "kith_hub_" + name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kith_hub_" + name, Help: help}, []string{label})
		m.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kith_hub_" + name, Help: help}, value))
	}
	m.notes = counter("notes_total", "Notes said under tags.")
	m.mailed = counter("mail_sent_total", "Envelopes sent to the owners of boxes.")
	m.taken = counter("mail_taken_total", "Envelopes taken out of boxes.")
	m.silent = counter("silent_total", "Devices dropped because they said nothing.")
	m.slowReaders = counter("slow_readers_total", "Devices cut off because they did not read.")
	m.slowed = counter("slowed_total", "Frames that had to wait because their device says too much.")
	m.serverErrors = counter("server_errors_total", "What the web server complains of, mostly of handshakes.")
	m.leaves = vector("leaves_total", "Envelopes left, by what came of it.", "outcome")
	m.refused = vector("refused_total", "What was refused, by what it was.", "what")
	gauge("devices", "Devices connected.", func() float64 { return float64(h.devices.count()) })
	if h.exchange != nil {
		gauge("tags", "Tags that are listened under.", func() float64 { return float64(h.exchange.Tags()) })
	}
	if h.store != nil {
		stat := func(value func(mailbox.Stats) float64) func() float64 {
			return func() float64 {
				stats, err := h.store.Stats(context.Background())
				if err != nil {
					h.log.Error("the mailbox does not tell how full it is", "error", err)
				}
				return value(stats)
			}
		}
		gauge("boxes", "Boxes.", stat(func(s mailbox.Stats) float64 { return float64(s.Boxes) }))
		gauge("envelopes", "Envelopes that wait.", stat(func(s mailbox.Stats) float64 { return float64(s.Envelopes) }))
		gauge("mailbox_bytes", "Bytes of envelopes and bundles.", stat(func(s mailbox.Stats) float64 { return float64(s.Bytes) }))
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
