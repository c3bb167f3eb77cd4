//go:build linux

package bench

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kith/internal/freeport"
	"kith/internal/lab"
)

// besideCroc passes a file by croc, one process that sends it and one that takes
// it, and gives the speed in MB/s. Like any croc it goes through a relay, here the
// sender's own, and nothing is compressed, which would only cost it time.
func besideCroc(b *testing.B, path string, size int64) float64 {
	home, secret := b.TempDir(), rand.Text()
	defer os.RemoveAll(home)
	port := freeport.Loopback(b, 5) // the relay's, and one for each of its four lines
	croc := func(dir string, args ...string) *exec.Cmd {
		cmd := exec.Command("croc", append([]string{"--yes", "--quiet", "--overwrite", "--no-compress", "--ignore-stdin", "--disable-clipboard"}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+filepath.Join(home, dir), "CROC_SECRET="+secret)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return cmd
	}
	sender := croc("a", "--local", "send", "--port", fmt.Sprint(port), path)
	taker := croc("b", "--ip", fmt.Sprintf("127.0.0.1:%d", port), "--out", home)
	begin := time.Now()
	if err := sender.Start(); err != nil {
		b.Fatal(err)
	}
	defer sender.Wait()
	defer sender.Process.Kill()
	lab.Eventually(b, time.Minute, func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
		}
		return err
	})
	if out, err := taker.CombinedOutput(); err != nil {
		b.Fatalf("croc: %v\n%.2000s", err, out)
	}
	onDisk(b, filepath.Join(home, filepath.Base(path)), size)
	return float64(size) / time.Since(begin).Seconds() / 1e6
}

// onDisk waits until a file that has come is on the medium.
func onDisk(b *testing.B, path string, size int64) {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || fi.Size() != size {
		b.Fatalf("%s has %d bytes of %d: %v", path, fi.Size(), size, err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
}

// A syncthing is one device of it, with one folder.
type syncthing struct {
	home, folder, id, key string
	listen, api           int
	cmd                   *exec.Cmd
}

func newSyncthing(b *testing.B, port int) *syncthing {
	home := b.TempDir()
	s := &syncthing{home: home, folder: filepath.Join(home, "folder"), key: rand.Text(), listen: port, api: port + 1}
	if out, err := exec.Command("syncthing", "generate", "--home", home, "--no-default-folder", "--skip-port-probing").CombinedOutput(); err != nil {
		b.Fatalf("syncthing: %v\n%s", err, out)
	}
	id, err := exec.Command("syncthing", "--home", home, "--device-id").Output()
	if err != nil {
		b.Fatal(err)
	}
	s.id = strings.TrimSpace(string(id))
	// Without the mark a folder is taken for one that is not mounted.
	if err := os.MkdirAll(filepath.Join(s.folder, ".stfolder"), 0o755); err != nil {
		b.Fatal(err)
	}
	return s
}

// start runs it beside another. Everything that reaches beyond this machine is off.
func (s *syncthing) start(b *testing.B, other *syncthing) {
	device := func(d *syncthing) string {
		return fmt.Sprintf(`<device id=%q compression="never"><address>tcp://127.0.0.1:%d</address></device>`, d.id, d.listen)
	}
	config := fmt.Sprintf(`<configuration version="36">%s%s
		<folder id="f" path=%q type="sendreceive" rescanIntervalS="3600" fsWatcherEnabled="false"><device id=%q/><device id=%q/></folder>
		<gui enabled="true"><address>127.0.0.1:%d</address><apikey>%s</apikey></gui>
		<options><listenAddress>tcp://127.0.0.1:%d</listenAddress><globalAnnounceEnabled>false</globalAnnounceEnabled>
		<localAnnounceEnabled>false</localAnnounceEnabled><relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled>
		<urAccepted>-1</urAccepted><crashReportingEnabled>false</crashReportingEnabled><autoUpgradeIntervalH>0</autoUpgradeIntervalH>
		<startBrowser>false</startBrowser><reconnectionIntervalS>1</reconnectionIntervalS><setLowPriority>false</setLowPriority></options>
		</configuration>`, device(s), device(other), s.folder, s.id, other.id, s.api, s.key, s.listen)
	if err := os.WriteFile(filepath.Join(s.home, "config.xml"), []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	s.cmd = exec.Command("syncthing", "serve", "--home", s.home, "--no-browser", "--no-restart", "--logflags=0")
	s.cmd.Env = append(os.Environ(), "STNOUPGRADE=1")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
}

func (s *syncthing) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
}

// ask makes a request of its API.
func (s *syncthing) ask(method, path string) (string, error) {
	r, err := http.NewRequest(method, fmt.Sprintf("http://127.0.0.1:%d/rest/%s", s.api, path), nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("X-API-Key", s.key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200s", answer.Status, body)
	}
	return string(body), err
}

// besideSyncthing passes a file between two devices of Syncthing that are connected,
// from when it is told to look at the folder, and gives the speed in MB/s.
func besideSyncthing(b *testing.B, path string, size int64) float64 {
	port := freeport.Loopback(b, 4)
	a, c := newSyncthing(b, port), newSyncthing(b, port+2)
	defer os.RemoveAll(a.home)
	defer os.RemoveAll(c.home)
	a.start(b, c)
	defer a.stop()
	c.start(b, a)
	defer c.stop()
	lab.Eventually(b, time.Minute, func() error {
		state, err := a.ask("GET", "system/connections")
		if err == nil && !strings.Contains(strings.ReplaceAll(state, " ", ""), `"connected":true`) {
			err = fmt.Errorf("not connected: %.300s", state)
		}
		return err
	})
	// The other side has to know the folder before it takes part.
	lab.Eventually(b, time.Minute, func() error { _, err := c.ask("POST", "db/scan?folder=f"); return err })
	name := filepath.Base(path)
	if err := os.Link(path, filepath.Join(a.folder, name)); err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	if _, err := a.ask("POST", "db/scan?folder=f"); err != nil {
		b.Fatal(err)
	}
	lab.Eventually(b, 10*time.Minute, func() error { _, err := os.Stat(filepath.Join(c.folder, name)); return err })
	onDisk(b, filepath.Join(c.folder, name), size)
	return float64(size) / time.Since(begin).Seconds() / 1e6
}
