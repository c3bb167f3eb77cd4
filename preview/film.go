package preview

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"kith"
)

// guarded are the options by which ffmpeg reads one file and nothing else: no
// network, and none of the formats that name other files (playlists).
var guarded = []string{
	"-v", "error", "-protocol_whitelist", "file",
	"-format_whitelist", "mov,matroska,avi,mpegts,mpeg,asf,flv,ogg,mp3,flac,wav,aac,aiff,amr,caf,w64,ape,wv",
}

// probed is what ffprobe tells, as far as it matters.
type probed struct {
	Streams []struct {
		Type   string `json:"codec_type"`
		Width  int64  `json:"width"`
		Height int64  `json:"height"`
		Side   []struct {
			Rotation float64 `json:"rotation"`
		} `json:"side_data_list"`
	} `json:"streams"`
	Format struct {
		Duration string `json:"duration"`
	} `json:"format"`
}

// describeFilm adds length, size and a still of a film, length and cover of
// sound, as far as ffprobe and ffmpeg are installed.
func describeFilm(ctx context.Context, media *kith.Media, path string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return
	}
	out := run(ctx, 1<<20, "ffprobe", append(guarded[:len(guarded):len(guarded)], "-of", "json",
		"-show_entries", "format=duration:stream=codec_type,width,height:stream_side_data=rotation", "file:"+path)...)
	var p probed
	if json.Unmarshal(out, &p) != nil {
		return
	}
	seconds, err := strconv.ParseFloat(p.Format.Duration, 64)
	if err != nil || !(seconds > 0 && seconds < maxDuration.Seconds()) {
		seconds = 0
	}
	media.Duration = uint32(min(seconds*1000, 1<<32-1))
	for _, s := range p.Streams {
		if s.Type != "video" {
			continue
		}
		w, h := s.Width, s.Height
		for _, side := range s.Side {
			if turn := int(side.Rotation) % 180; turn == 90 || turn == -90 {
				w, h = h, w
			}
		}
		if w > 0 && h > 0 && w <= maxPixels && h <= maxPixels {
			media.Width, media.Height = uint32(w), uint32(h)
		}
		media.Preview = still(ctx, path, seconds)
		return
	}
}

// still is a picture of a film from behind its opening, which is often black.
func still(ctx context.Context, path string, seconds float64) []byte {
	at := strconv.FormatFloat(min(seconds/10, 60), 'f', 3, 64)
	out := run(ctx, maxFile/8, "ffmpeg", append(guarded[:len(guarded):len(guarded)], "-nostdin", "-threads", "1", "-ss", at, "-i", "file:"+path,
		"-frames:v", "1", "-an", "-sn", "-dn", "-vf", "scale='min(640,iw)':-2", "-c:v", "mjpeg", "-f", "image2pipe", "pipe:1")...)
	p, err := decode(ctx, out, 1<<22)
	if err != nil {
		return nil
	}
	return encode(shrink(p, 1))
}

// run gives what a program prints, at most limit bytes; nothing if it is not
// installed or fails. The program ends with ctx.
func run(ctx context.Context, limit int64, name string, args ...string) []byte {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
	cmd.WaitDelay = time.Second
	pipe, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return nil
	}
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(pipe, limit+1))
	if n > limit || err != nil {
		cmd.Process.Kill()
	}
	if cmd.Wait() != nil || n > limit {
		return nil
	}
	return out.Bytes()
}
