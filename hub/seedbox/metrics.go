package seedbox

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"kith"
)

// counts are for metrics.
type counts struct {
	stored, served, bytesServed, freed atomic.Uint64
	refused                            [kith.BadPeer + 1]atomic.Uint64 // by kind of error
}

// Refused counts what was not done, by the error that says why.
func (s *Store) Refused(err error) { s.counts.refused[kith.KindOf(err)].Add(1) }

func described(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kith_hub_seedbox_"+name, help, labels, nil)
}

// No metric has a label that tells which file or whose.
var (
	filesNow   = described("files", "Files that are kept.")
	bytesNow   = described("bytes", "Bytes that are kept.")
	devicesNow = described("devices", "Devices that keep files.")
	storedAll  = described("stored_bytes_total", "Bytes of pieces that came.")
	servedAll  = described("served_total", "Parts of files that were fetched.")
	sentAll    = described("served_bytes_total", "Bytes that were fetched.")
	freedAll   = described("freed_total", "Files that were let go.")
	refusedAll = described("refused_total", "What was refused, by why.", "why")
)

// Describe tells Prometheus what is counted.
func (s *Store) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{filesNow, bytesNow, devicesNow, storedAll, servedAll, sentAll, freedAll, refusedAll} {
		to <- d
	}
}

// Collect tells Prometheus the counts.
func (s *Store) Collect(to chan<- prometheus.Metric) {
	s.mu.Lock()
	count, bytes, devices := len(s.files.by), s.files.weight, len(s.files.owners)
	s.mu.Unlock()
	gauge := func(d *prometheus.Desc, n int64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge(filesNow, int64(count))
	gauge(bytesNow, bytes)
	gauge(devicesNow, int64(devices))
	counter(storedAll, s.counts.stored.Load())
	counter(servedAll, s.counts.served.Load())
	counter(sentAll, s.counts.bytesServed.Load())
	counter(freedAll, s.counts.freed.Load())
	for kind := range s.counts.refused {
		if n := s.counts.refused[kind].Load(); n > 0 {
			counter(refusedAll, n, kith.ErrorKind(kind).String())
		}
	}
}
