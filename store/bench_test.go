package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kith"
	"kith/store"
)

// vocabulary is 100,000 made-up words; a text takes them by Zipf's law, as
// people do.
func vocabulary() []string {
	rng := rand.New(rand.NewPCG(1, 2))
	syllables := strings.Fields("ka me lo ri sun ter ven al bo qui dra pel mor nis tan ge fo wi cha stre un re ing ed er ly tion")
	seen := make(map[string]bool)
	var words []string
	for len(words) < 100_000 {
		var b strings.Builder
		for range 1 + rng.IntN(4) {
			b.WriteString(syllables[rng.IntN(len(syllables))])
		}
		if w := b.String(); !seen[w] {
			seen[w] = true
			words = append(words, w)
		}
	}
	return words
}

type speaker struct {
	rng   *rand.Rand
	zipf  *rand.Zipf
	words []string
}

func newSpeaker() *speaker {
	rng := rand.New(rand.NewPCG(3, 4))
	return &speaker{rng, rand.NewZipf(rng, 1.07, 3, 99_999), vocabulary()}
}

// text makes about 200 bytes.
func (s *speaker) text() kith.Text {
	var b strings.Builder
	for b.Len() < 195 {
		b.WriteString(s.words[s.zipf.Uint64()])
		b.WriteByte(' ')
	}
	return kith.Text{Text: b.String()[:min(b.Len(), 200)]}
}

func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := fresh(b, alice)
			words := newSpeaker()
			texts := make([]kith.Text, 1000)
			for i := range texts {
				texts[i] = words.text()
			}
			var mu sync.Mutex
			var took []time.Duration
			n := 0
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for {
						mu.Lock()
						i := n
						n++
						mu.Unlock()
						if i >= b.N {
							return
						}
						begin := time.Now()
						if _, err := s.Append(b.Context(), chat, alice.Device, compose(texts[i%len(texts)])); err != nil {
							b.Error(err)
							return
						}
						mu.Lock()
						took = append(took, time.Since(begin))
						mu.Unlock()
					}
				})
			}
			b.ResetTimer()
			wg.Wait()
			b.StopTimer()
			report(b, took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
		})
	}
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

const backlog = 100_000

// The memory that is reported is that of the whole process at its highest, so
// run this benchmark alone to see it.
func BenchmarkApply(b *testing.B) {
	for name, key := range map[string]*[32]byte{"plain": nil, "encrypted": key1} {
		b.Run(name, func(b *testing.B) {
			words := newSpeaker()
			texts := make([]kith.Text, 1000)
			for i := range texts {
				texts[i] = words.text()
			}
			var indexing time.Duration
			for b.Loop() {
				b.StopTimer()
				s := fresh(b, alice, withKey(key))
				events := make([]kith.Event, 1000)
				for i := 0; i < backlog; i += len(events) {
					for j := range events {
						events[j] = event(bob, uint64(i+j+1), uint64(i+j+1)*1000, texts[j])
					}
					b.StartTimer()
					hear(b, s, events...)
					b.StopTimer()
				}
				begin := time.Now()
				if _, err := s.Search(b.Context(), "kalo", nil, 50); err != nil {
					b.Fatal(err)
				}
				indexing += time.Since(begin)
				b.StartTimer()
			}
			b.ReportMetric(backlog*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(backlog*float64(b.N)/indexing.Seconds(), "indexed/s")
			b.ReportMetric(highWater(), "MiB")
		})
	}
}

// highWater is the most memory that the process ever had, in MiB, where the
// system tells.
func highWater() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kib float64
			fmt.Sscan(rest, &kib)
			return kib / 1024
		}
	}
	return 0
}

const million = 1_000_000

// big builds one database of a million messages in a hundred conversations, half of
// them in one, for all benchmarks that want it. KITH_BENCH_DB keeps it.
var big = sync.OnceValues(func() (string, error) {
	dir := os.Getenv("KITH_BENCH_DB")
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "kith-bench"); err != nil {
			return "", err
		}
	}
	path := filepath.Join(dir, "big.db")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	s, err := store.Open(tb.Context(), path, store.Options{Account: alice.Account, Rules: rules})
	if err != nil {
		return "", err
	}
	words := newSpeaker()
	seqs := make(map[kith.Peer]uint64)
	for i := 0; i < million; i += 1000 {
		who := bob
		if i/1000%2 == 1 {
			who = person(fmt.Sprint("friend ", i/1000%198))
		}
		events := make([]kith.Event, 1000)
		for j := range events {
			seqs[who]++
			events[j] = event(who, seqs[who], uint64(i+j+1)*1000, words.text())
		}
		conv := kith.DirectConversation(alice.Account, who.Account)
		if _, err := s.Apply(tb.Context(), conv, who, events[0].Seq, events, store.ApplyOptions{}); err != nil {
			return "", err
		}
	}
	begin := time.Now()
	if _, err := s.Search(tb.Context(), "anything", nil, 1); err != nil {
		return "", err
	}
	tb.Logf("indexing: %v", time.Since(begin))
	return path, s.Close()
})

var tb testing.TB // of whoever builds the big database

func openBig(b *testing.B) *store.Store {
	if testing.Short() {
		b.Skip("a million messages take too long for -short")
	}
	tb = b
	path, err := big()
	if err != nil {
		b.Fatal(err)
	}
	return open(b, path, alice)
}

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		appendForever(path)
	}
	if path := os.Getenv(mailEnv); path != "" {
		takeForever(path)
	}
	if path := os.Getenv(convertEnv); path != "" {
		convertForever(path)
	}
	code := m.Run()
	if os.Getenv("KITH_BENCH_DB") == "" && tb != nil {
		if path, err := big(); err == nil {
			os.RemoveAll(filepath.Dir(path))
		}
	}
	os.Exit(code)
}

func BenchmarkOpenMillion(b *testing.B) {
	openBig(b).Close()
	path, _ := big()
	for b.Loop() {
		s, err := store.Open(b.Context(), path, store.Options{Account: alice.Account, Rules: rules})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}

func BenchmarkSearchMillion(b *testing.B) {
	s := openBig(b)
	words := vocabulary()
	queries := map[string]func(i int) string{
		"common":    func(i int) string { return words[i%20] },
		"middle":    func(i int) string { return words[200+i%500] },
		"rare":      func(i int) string { return words[20_000+i*7%70_000] },
		"none":      func(i int) string { return fmt.Sprint("zzz", i) },
		"beginning": func(i int) string { w := words[i*13%5000]; return w[:min(4, len(w))] },
		"short":     func(i int) string { w := words[i*13%5000]; return w[:min(2, len(w))] },
		"two":       func(i int) string { return words[i%20] + " " + words[100+i%500] },
	}
	bobs := chat
	for _, name := range []string{"common", "middle", "rare", "none", "beginning", "short", "two"} {
		for _, conv := range []*kith.ConversationID{nil, &bobs} {
			b.Run(fmt.Sprintf("%s/one=%v", name, conv != nil), func(b *testing.B) {
				var took []time.Duration
				found := 0
				for i := 0; b.Loop(); i++ {
					begin := time.Now()
					list, err := s.Search(b.Context(), queries[name](i), conv, 50)
					if err != nil {
						b.Fatal(err)
					}
					found += len(list)
					took = append(took, time.Since(begin))
				}
				report(b, took)
				b.ReportMetric(float64(found)/float64(len(took)), "found")
			})
		}
	}
}

func BenchmarkMessagesMillion(b *testing.B) {
	s := openBig(b)
	var took []time.Duration
	page := store.Page{Limit: 50}
	for b.Loop() {
		begin := time.Now()
		list, err := s.Messages(b.Context(), chat, page)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
		if page.Before = (kith.EventID{}); len(list) == 50 {
			page.Before = list[0].ID
		}
	}
	report(b, took)
	b.ReportMetric(highWater(), "MiB")
}

func BenchmarkConversations(b *testing.B) {
	s := fresh(b, alice)
	const all = 10_000
	for i := range all {
		who := person(fmt.Sprint("friend ", i))
		conv := kith.DirectConversation(alice.Account, who.Account)
		if _, err := s.Apply(b.Context(), conv, who, 1, []kith.Event{event(who, 1, uint64(i+1), text("hello"))}, store.ApplyOptions{}); err != nil {
			b.Fatal(err)
		}
		if i%10 == 0 {
			if err := s.Arrange(b.Context(), conv, who.Account, store.Arrangement{Archived: yes()}); err != nil {
				b.Fatal(err)
			}
		}
	}
	middle := kith.DirectConversation(alice.Account, person(fmt.Sprint("friend ", all/2)).Account)
	for name, c := range map[string]struct {
		page store.ConversationPage
		want int
	}{
		"all":     {store.ConversationPage{}, all},
		"first":   {store.ConversationPage{Limit: 50, Archived: no()}, 50},
		"middle":  {store.ConversationPage{Limit: 50, Archived: no(), After: middle}, 50},
		"archive": {store.ConversationPage{Limit: 50, Archived: yes(), After: middle}, 50},
		"both":    {store.ConversationPage{Limit: 50, After: middle}, 50},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				list, err := s.Conversations(b.Context(), c.page)
				if err != nil || len(list) != c.want {
					b.Fatal(len(list), err)
				}
			}
		})
	}
}
