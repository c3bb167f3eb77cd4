package hub

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"kith/hubapi"
)

// hubEnv makes the test binary a hub that is killed; its value is the folder.
const hubEnv = "KITH_HUB_CRASH"

// seedboxEnv, if it is set, gives that hub a seedbox.
const seedboxEnv = "KITH_HUB_CRASH_SEEDBOX"

func TestMain(m *testing.M) {
	if line := os.Getenv(natsEnv); line != "" {
		serveNATS(line)
		return
	}
	if dir := os.Getenv(hubEnv); dir != "" {
		cfg := testConfig(func(c *Config) {
			c.Limits = Limits{FramesPerSecond: 1000, QueuePerDevice: c.Limits.QueuePerDevice}
			if os.Getenv(seedboxEnv) != "" {
				withSeedbox(c)
			}
		})
		h, err := Start(context.Background(), dir, cfg, Options{})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(h.URL())
		// Each line asks for the memory in use.
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			debug.FreeOSMemory()
			fmt.Println(memory())
		}
		select {}
	}
	os.Exit(m.Run())
}

// What was answered is there after a kill, once.
func TestKilledWhileLeaving(t *testing.T) {
	dir, box, token := t.TempDir(), keyNumber(9), hubapi.Hash{1}
	key := hubapi.KeyOf(box)
	answered := map[string]bool{}
	for round := range 4 {
		p := startProcess(t, dir)
		openAt(t, p.url, box, token)
		for body := range leaveUntilKilled(t, p.url, key, token, round, func() { p.cmd.Process.Kill() }) {
			answered[body] = true
		}
		p.cmd.Wait()
	}
	if len(answered) < 100 {
		t.Fatalf("only %d envelopes were answered", len(answered))
	}
	h, _ := startHub(t, dir)
	found := map[string]int{}
	for after, more := uint64(0), true; more; {
		mail, err := h.store.Fetch(t.Context(), key, after, 1000, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range mail {
			found[string(e.Body)]++
			after = e.ID
		}
		more = len(mail) > 0
	}
	for body := range answered {
		if found[body] != 1 {
			t.Errorf("%s was answered, and is there %d times", body, found[body])
		}
	}
	t.Logf("%d answered, %d found", len(answered), len(found))
}

// A process is a hub that is not part of the test.
type process struct {
	cmd   *exec.Cmd
	url   string
	lines *bufio.Scanner
	ask   io.Writer
}

func startProcess(t testing.TB, dir string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], "-test.run=^$")}
	p.cmd.Env = append(os.Environ(), hubEnv+"="+dir)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.ask, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	p.lines = bufio.NewScanner(out)
	if !p.lines.Scan() || !strings.HasPrefix(p.lines.Text(), "http://") {
		t.Fatalf("the hub says %q", p.lines.Text())
	}
	p.url = p.lines.Text()
	return p
}

// openAt opens a box on a hub of another process.
func openAt(t *testing.T, url string, box ed25519.PrivateKey, token hubapi.Hash) {
	t.Helper()
	r := greet(t, &Hub{url: url}, 1)
	r.open(box, token)
	r.ws.Close()
}

// leaveUntilKilled leaves envelopes with eight senders, ends the hub on the way,
// and gives what was answered.
func leaveUntilKilled(t *testing.T, url string, key hubapi.Key, token hubapi.Hash, round int, kill func()) map[string]bool {
	t.Helper()
	var mu sync.Mutex
	answered := map[string]bool{}
	var all sync.WaitGroup
	for sender := range 8 {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			for n := 0; ; n++ {
				body := fmt.Sprint("round ", round, " sender ", sender, " envelope ", n)
				req, err := http.NewRequest(http.MethodPost, url+hubapi.PathBox+hubapi.EncodeName(key), strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+hubapi.EncodeName(token))
				resp, err := client.Do(req)
				if err != nil {
					return // killed
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusCreated {
					t.Errorf("status %d", resp.StatusCode)
					return
				}
				mu.Lock()
				answered[body] = true
				if len(answered) == 150+37*round {
					kill()
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return answered
}
