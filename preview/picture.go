package preview

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	_ "image/gif" // the formats that decode knows
	"image/jpeg"
	_ "image/png"
	"io"
	"sync"

	_ "golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"

	"kith"
)

const (
	maxFile    = 128 << 20   // bytes of a picture's file
	maxArea    = 100_000_000 // pixels of a picture
	maxDecoded = 300 << 20   // bytes of one in memory
)

// one keeps two large pictures from being in memory together.
var one sync.Mutex

// describePicture adds size and preview of a picture, as it stands upright.
func describePicture(ctx context.Context, media *kith.Media, f io.ReaderAt, size int64) {
	if size > maxFile {
		return
	}
	one.Lock()
	defer one.Unlock()
	data := make([]byte, size)
	if _, err := f.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return
	}
	exif := exifOf(data)
	turn := exif.orientation()
	w, h := config.Width, config.Height
	if turn >= 5 {
		w, h = h, w
	}
	if w > 0 && h > 0 && w <= maxPixels && h <= maxPixels {
		media.Width, media.Height = uint32(w), uint32(h)
	}
	p, err := decode(ctx, data, maxArea)
	if err != nil {
		// Too large or broken: cameras put a small one beside it.
		if p, err = decode(ctx, exif.thumbnail(), maxArea); err != nil {
			return
		}
	}
	media.Preview = encode(shrink(p, turn))
}

// decode decodes a picture of at most area pixels, while ctx lasts.
func decode(ctx context.Context, data []byte, area int) (image.Image, error) {
	config, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width > area/config.Height {
		return nil, errors.New("the picture has too many pixels")
	}
	if config.Width*config.Height > maxDecoded/bytesPerPixel(config, format, data) {
		return nil, errors.New("the picture takes too much memory")
	}
	p, _, err := image.Decode(&ending{ctx: ctx, r: bytes.NewReader(data)})
	if err == nil && (p.Bounds().Dx() != config.Width || p.Bounds().Dy() != config.Height) {
		err = errors.New("the picture is not of the size that it says")
	}
	return p, err
}

// bytesPerPixel is how much memory decoding takes.
func bytesPerPixel(config image.Config, format string, data []byte) int {
	n := 4
	switch config.ColorModel {
	case color.GrayModel:
		n = 1
	case color.YCbCrModel:
		n = 3
	case color.RGBA64Model, color.NRGBA64Model:
		n = 8
	}
	if format == "jpeg" && isProgressive(data) {
		n += 4 * 3 // all coefficients are kept until the last scan
	}
	return n
}

// ending is a reader that fails when ctx ends, and the decoder with it: a small
// file can ask for very many passes over a large picture.
type ending struct {
	ctx context.Context
	r   io.Reader
}

func (e *ending) Read(b []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	// Decoders buffer; a small step makes them come back.
	return e.r.Read(b[:min(len(b), 512)])
}

// shrink makes a picture small, opaque and upright. turn is its orientation as
// Exif counts: 1 is upright.
func shrink(p image.Image, turn int) *image.RGBA {
	w, h := fit(p.Bounds().Dx(), p.Bounds().Dy(), MaxSide)
	// First by leaving pixels out, which costs nothing however large it is.
	if mw, mh := 4*w, 4*h; p.Bounds().Dx() > mw && p.Bounds().Dy() > mh {
		middle := image.NewNRGBA(image.Rect(0, 0, mw, mh))
		draw.NearestNeighbor.Scale(middle, middle.Bounds(), p, p.Bounds(), draw.Src, nil)
		p = middle
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(small, small.Bounds(), image.White, image.Point{}, draw.Src)
	draw.CatmullRom.Scale(small, small.Bounds(), p, p.Bounds(), draw.Over, nil)
	return upright(small, turn)
}

// fit gives the size of a picture of which the longer side is at most side.
func fit(w, h, side int) (int, int) {
	long := max(w, h)
	if long <= side {
		return w, h
	}
	return max(1, w*side/long), max(1, h*side/long)
}

// upright turns and mirrors a picture by its orientation (Exif 2.32, 4.6.4 A).
func upright(p *image.RGBA, turn int) *image.RGBA {
	if turn < 2 || turn > 8 {
		return p
	}
	w, h := p.Rect.Dx(), p.Rect.Dy()
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if turn >= 5 {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sx, sy := x, y
			switch turn {
			case 2:
				sx = w - 1 - x
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sy = h - 1 - y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, h-1-x
			case 7:
				sx, sy = w-1-y, h-1-x
			case 8:
				sx, sy = w-1-y, x
			}
			out.SetRGBA(x, y, p.RGBAAt(sx, sy))
		}
	}
	return out
}

// encode makes a JPEG of at most kith.MaxPicture bytes, nil if nothing helps.
func encode(p *image.RGBA) []byte {
	for _, quality := range []int{80, 65, 45, 25, 10} {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, p, &jpeg.Options{Quality: quality}); err != nil {
			return nil
		}
		if b.Len() <= kith.MaxPicture {
			return b.Bytes()
		}
	}
	return nil
}
