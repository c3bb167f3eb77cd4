package wording

import (
	"fmt"
	"strings"
	"time"

	"kith/cmd/kith/internal/printable"
	"kith/node"
)

// Size is a number of bytes as people read it, in powers of 1024.
func Size(bytes int64) string {
	if bytes < 0 {
		return "size unknown"
	}
	if bytes < 1<<10 {
		return fmt.Sprint(bytes, " B")
	}
	value := float64(bytes)
	for _, unit := range []string{"KiB", "MiB", "GiB"} {
		if value /= 1 << 10; value < 1<<10 {
			return fmt.Sprintf("%.1f %s", value, unit)
		}
	}
	return fmt.Sprintf("%.1f TiB", value/(1<<10))
}

// Rate is a speed in bytes a second.
func Rate(bytes float64) string { return Size(int64(bytes)) + "/s" }

// Percent is how much of a whole is here; 100 only if all of it is.
func Percent(done, total int64) int {
	switch {
	case total <= 0 || done < 0:
		return 0
	case done >= total:
		return 100
	}
	return min(int(float64(done)/float64(total)*100), 99)
}

// Shared is what a message shares and how it stands here, in brackets:
//
//	[file beach.mp4, 12.3 MiB, 45 %]   [folder Films, 12 files, 3.2 GiB]
//
// It is empty for a message that shares nothing.
func Shared(m node.Message) string {
	if m.Deleted {
		return ""
	}
	var said []string
	var t node.Transfer
	switch {
	case m.File != nil && m.File.Folder:
		t = m.File.Transfer
		said = []string{"folder " + fileName(m.File.Name), count(m.File.Files, "file"), Size(m.File.Size)}
	case m.File != nil:
		t = m.File.Transfer
		said = []string{"file " + fileName(m.File.Name), Size(m.File.Size)}
	case m.Torrent != nil:
		t = m.Torrent.Transfer
		said = []string{"torrent " + fileName(m.Torrent.Name)}
		if m.Torrent.Size > 0 {
			said = append(said, Size(m.Torrent.Size))
		}
	default:
		return ""
	}
	if t.State != node.TransferComplete {
		said = append(said, Transfer(t))
	}
	return "[" + strings.Join(said, ", ") + "]"
}

func fileName(name string) string { return printable.Truncate(printable.Line(name), 60) }

// TransferOf is how what a message shares stands on this device, and its name
// and size, negative if nobody knows it yet; ok is false if it shares nothing.
func TransferOf(m node.Message) (t node.Transfer, name string, size int64, ok bool) {
	switch {
	case m.File != nil:
		return m.File.Transfer, fileName(m.File.Name), m.File.Size, true
	case m.Torrent != nil && m.Torrent.Size == 0: // a magnet link, of which nothing came yet
		return m.Torrent.Transfer, fileName(m.Torrent.Name), -1, true
	case m.Torrent != nil:
		return m.Torrent.Transfer, fileName(m.Torrent.Name), m.Torrent.Size, true
	}
	return node.Transfer{}, "", 0, false
}

// Transfer is in a word or two how something stands on this device.
func Transfer(t node.Transfer) string {
	percent := fmt.Sprint(Percent(t.Done, t.Total), " %")
	switch t.State {
	case node.TransferNone:
		return "not fetched"
	case node.TransferFetching:
		return percent
	case node.TransferChecking:
		return "checking " + percent
	case node.TransferWaiting, node.TransferQueued, node.TransferPaused:
		if t.Done > 0 {
			return string(t.State) + " at " + percent
		}
	case node.TransferPartial:
		return "partly here"
	case node.TransferComplete:
		return "here"
	case node.TransferFull:
		return "disk full"
	}
	return printable.Line(string(t.State))
}

// Reason is why something does not come, as a clause; empty if nothing is the
// matter.
func Reason(t node.Transfer) string { return strings.TrimSuffix(printable.Line(t.Reason), ".") }

// Left is a time to wait.
func Left(seconds *int) string {
	if seconds == nil {
		return ""
	}
	d := time.Duration(*seconds) * time.Second
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds left", *seconds)
	case d < time.Hour:
		return fmt.Sprintf("%dm left", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh %dm left", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd left", int(d.Hours())/24)
}

// Carriers lists with whom something is exchanged.
func Carriers(from []node.Carrier) string {
	names := make([]string, 0, len(from))
	for _, c := range from {
		said := printable.Truncate(printable.Line(c.Name), 20)
		switch c.Way {
		case "link":
			said += " (through the link)"
		case "hub":
			said += " (a hub that keeps it)"
		}
		names = append(names, said)
	}
	return strings.Join(names, ", ")
}

// Notes are what there is to say of a share beside its state: why it stands so,
// and how it stands at hubs that keep it.
func Notes(m node.Message, zone *time.Location) (notes []string) {
	t, _, _, ok := TransferOf(m)
	if !ok {
		return nil
	}
	if reason := Reason(t); reason != "" {
		notes = append(notes, reason)
	}
	if m.File == nil {
		return notes
	}
	for _, k := range m.File.Kept {
		hub := printable.Line(k.Hub)
		switch {
		case k.Until != nil:
			notes = append(notes, fmt.Sprintf("kept by %s until %s", hub, k.Until.In(zone).Format(time.DateOnly)))
		case k.Reason != "":
			notes = append(notes, hub+": "+strings.TrimSuffix(printable.Line(k.Reason), "."))
		default:
			notes = append(notes, fmt.Sprintf("%d %% at %s", Percent(k.Have, k.Size), hub))
		}
	}
	return notes
}
