//go:build unix

package swarm

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kith"
)

// BenchmarkToEight passes a file from one seeder to eight members who help each
// other, all in this process and each with an uplink of 4 % of the file a second:
// how many times the time that the file takes over one uplink it is until the last
// one is done, and how many times the file the seeder sends.
func BenchmarkToEight(b *testing.B) {
	const members = 8
	name := bigFile(b)
	uplink := int64(benchMiB()) << 20 / 25
	fi, err := os.Stat(name)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		people := make([]person, members+1)
		all := make([]*Swarm, members+1)
		for i := range people {
			people[i] = newPerson()
			all[i] = open(b, people[i], func(c *Config) { c.Up = uplink })
		}
		sealed, err := Seal(b.Context(), name, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := all[0].Share(sealed); err != nil {
			b.Fatal(err)
		}
		ref := sealed.Ref
		began, worked := time.Now(), cpu()
		for i, s := range all[1:] {
			if err := s.Fetch(ref, filepath.Join(b.TempDir(), fmt.Sprint(i)), Selection{}); err != nil {
				b.Fatal(err)
			}
			for j, p := range people {
				if j != i+1 {
					s.Connect(ref.Infohash, p.peer().Device, netip.AddrPortFrom(all[j].Address().Addr(), all[j].Address().Port()))
				}
			}
		}
		first := time.Duration(0)
		tick := time.NewTicker(50 * time.Millisecond)
		noted := time.Now()
		for done := 0; done < members; <-tick.C {
			done = 0
			for _, s := range all[1:] {
				if st, _ := s.Status(ref.Infohash); st.State == Seeding {
					done++
				}
			}
			if done > 0 && first == 0 {
				first = time.Since(began)
			}
			if testing.Verbose() && time.Since(noted) > 2*time.Second {
				noted = time.Now()
				showProgress(b, all, ref, time.Since(began))
			}
		}
		tick.Stop()
		unit := float64(fi.Size()) / float64(uplink)
		b.ReportMetric(time.Since(began).Seconds()/unit, "last/ideal")
		b.ReportMetric(first.Seconds()/unit, "first/ideal")
		b.ReportMetric(float64(sentBy(all[0], ref))/float64(fi.Size()), "seeder-sent/size")
		b.ReportMetric(float64(cpu()-worked)/float64(fi.Size())/members, "cpu-ns/B")
		for _, s := range all {
			s.Close()
		}
	}
}

func showProgress(b *testing.B, all []*Swarm, ref kith.FileRef, at time.Duration) {
	line := fmt.Sprintf("%4.1f s, sent", at.Seconds())
	for _, s := range all {
		line += fmt.Sprintf(" %d", sentBy(s, ref)>>20)
	}
	line += "; have"
	for _, s := range all[1:] {
		st, _ := s.Status(ref.Infohash)
		line += fmt.Sprintf(" %d", st.Done>>20)
	}
	b.Log(line)
}
