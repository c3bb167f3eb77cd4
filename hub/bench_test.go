package hub

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kith/hubapi"
)

// What one device of the benchmark has, and how many there are. The hub is a
// process of its own: a process has 20,000 descriptors.
const (
	idleDevices = 15_000
	idleTags    = 4
	idleFor     = 20 * time.Second
	pingEvery   = 50 * time.Second
)

// BenchmarkIdleDevices measures what a device costs that listens under four
// tags, has a box open, and pings: memory of the hub's process beyond what it
// takes without devices, and its share of a core.
func BenchmarkIdleDevices(b *testing.B) {
	p := startProcess(b, b.TempDir())
	h := &Hub{url: p.url}
	warm := greetKey(b, h, numbered(1<<40))
	without, residentWithout := p.memory(b), p.status(b, "VmRSS:")
	devices := make([]*raw, idleDevices)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for n := w; n < len(devices); n += 8 {
				devices[n] = idle(b, h, n)
			}
		})
	}
	all.Wait()
	before := p.cpu(b)
	began := time.Now()
	b.ResetTimer()
	next := time.NewTicker(pingEvery / idleDevices)
	defer next.Stop()
	for n := 0; time.Since(began) < idleFor; n++ {
		<-next.C
		for due := int(float64(idleDevices) * float64(time.Since(began)) / float64(pingEvery)); n < due; n++ {
			if err := devices[n%idleDevices].ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience)); err != nil {
				b.Fatal(err)
			}
		}
	}
	warm.sync() // it still answers
	share := 100 * (p.cpu(b) - before).Seconds() / time.Since(began).Seconds()
	inUse, resident := p.memory(b)-without, p.status(b, "VmRSS:")-residentWithout
	b.ReportMetric(share, "%core")
	b.ReportMetric(float64(inUse)/idleDevices, "B/device")
	b.ReportMetric(float64(resident<<10)/idleDevices, "B-resident/device")
	b.ReportMetric(0, "ns/op")
}

// numbered is a key of its own for each number.
func numbered(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(binary.BigEndian.AppendUint64(make([]byte, 24), uint64(n)))
}

func greetKey(b *testing.B, h *Hub, key ed25519.PrivateKey) *raw {
	r := dial(b, h, key)
	r.hello(0)
	expect[hubapi.Welcome](r)
	return r
}

func idle(b *testing.B, h *Hub, n int) *raw {
	r := greetKey(b, h, numbered(n))
	listen := &hubapi.Listen{}
	for i := range idleTags {
		var tag hubapi.Tag
		binary.BigEndian.PutUint64(tag[:], uint64(n*idleTags+i))
		tag[0], tag[7] = tag[7], tag[0]
		listen.Add = append(listen.Add, tag)
	}
	r.send(listen)
	r.open(numbered(1<<32+n), hubapi.Hash{})
	return r
}

// memory is what the process has in use, in bytes.
func (p *process) memory(b *testing.B) int64 {
	b.Helper()
	fmt.Fprintln(p.ask)
	if !p.lines.Scan() {
		b.Fatal("the hub does not answer")
	}
	n, err := strconv.ParseInt(p.lines.Text(), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// status reads a number of the process, in KiB.
func (p *process) status(b *testing.B, field string) int64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Skip("only Linux tells")
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); words[0] == field {
			n, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatalf("no %s", field)
	return 0
}

// cpu is the time that the process has computed, to 10 ms.
func (p *process) cpu(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		b.Skip("only Linux tells")
	}
	_, after, _ := bytes.Cut(text, []byte(") "))
	words := strings.Fields(string(after))
	user, err1 := strconv.Atoi(words[11])
	system, err2 := strconv.Atoi(words[12])
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// BenchmarkLeave measures durable answers over HTTP to 64 clients, the clients
// being on the same two cores.
func BenchmarkLeave(b *testing.B) {
	const clients = 64
	h, _ := startHub(b, b.TempDir(), func(c *Config) {
		c.Limits.RequestsPerMinute, c.Mailbox.EnvelopesPerBox, c.Mailbox.BytesPerBox = 0, 0, 0
	})
	r := greet(b, h, 1)
	box, token := keyNumber(9), hubapi.Hash{1}
	r.open(box, token)
	r.ws.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	body := strings.Repeat("x", 300)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range clients {
		all.Go(func() {
			client := &http.Client{Transport: transport}
			for next.Add(1) <= int64(b.N) {
				req, err := http.NewRequest(http.MethodPost, h.URL()+hubapi.PathBox+hubapi.EncodeName(hubapi.KeyOf(box)), strings.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+hubapi.EncodeName(token))
				resp, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body) // or the connection is not used again
				resp.Body.Close()
				if resp.StatusCode != http.StatusCreated {
					b.Errorf("status %d", resp.StatusCode)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}

// BenchmarkBacklog measures how long 10,000 waiting envelopes take from the
// first word to the last one taken.
func BenchmarkBacklog(b *testing.B) {
	const waiting = 10_000
	h, _ := startHub(b, b.TempDir())
	box, token := keyNumber(9), hubapi.Hash{1}
	key, hash := hubapi.KeyOf(box), hubapi.TokenHash(token)
	for b.Loop() {
		b.StopTimer()
		if _, err := h.store.Open(b.Context(), key, hash, true); err != nil {
			b.Fatal(err)
		}
		var all sync.WaitGroup
		for w := range 64 {
			all.Go(func() {
				for n := w; n < waiting; n += 64 {
					if _, err := h.store.Leave(b.Context(), key, hash, make([]byte, 300)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		b.StartTimer()
		r := greet(b, h, 1)
		r.open(box, token)
		var ids []uint64
		for range waiting {
			if ids = append(ids, expect[hubapi.Mail](r).ID); len(ids) == 128 {
				r.send(&hubapi.Taken{Box: key, IDs: ids})
				ids = nil
			}
		}
		if len(ids) > 0 {
			r.send(&hubapi.Taken{Box: key, IDs: ids})
		}
		r.sync()
		r.ws.Close()
	}
}
