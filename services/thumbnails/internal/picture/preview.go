package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"

	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

// quality of a preview: people look at it, nobody keeps it.
const quality = 80

// Preview scales a decoded picture and returns the file of its preview: a JPEG, or a PNG if
// one can see through it.
func Preview(h Header, decoded image.Image, mode thumbnailsapi.Mode) ([]byte, error) {
	// The frame of an animation may be smaller than the header says.
	bounds := decoded.Bounds()
	h.Width, h.Height = bounds.Dx(), bounds.Dy()
	if bounds.Empty() {
		return nil, fmt.Errorf("%w: it has no pixels", ErrBroken)
	}
	p := h.planOf(mode)
	width, height := p.reducedTo()
	reduced := reduce(decoded, p.part.Add(bounds.Min), width, height)
	small := reduced
	if width != p.width || height != p.height {
		small = image.NewRGBA(image.Rect(0, 0, p.width, p.height))
		draw.ApproxBiLinear.Scale(small, small.Rect, reduced, reduced.Rect, draw.Src, nil)
	}
	return encode(h.Turn.upright(small))
}

func encode(preview *image.RGBA) ([]byte, error) {
	var file bytes.Buffer
	var err error
	if preview.Opaque() {
		err = jpeg.Encode(&file, preview, &jpeg.Options{Quality: quality})
	} else {
		err = png.Encode(&file, preview)
	}
	if err != nil {
		return nil, fmt.Errorf("write a preview: %w", err)
	}
	return file.Bytes(), nil
}

// reduce makes a picture of width by height of a part that is not smaller: each pixel is the
// average of those that fall into it. It goes row by row, so that it needs the memory of a
// row, and package draw's fast ways to convert one.
func reduce(from image.Image, part image.Rectangle, width, height int) *image.RGBA {
	reduced := image.NewRGBA(image.Rect(0, 0, width, height))
	row := image.NewRGBA(image.Rect(0, 0, part.Dx(), 1))
	sums := make([]cell, width)
	for y := range part.Dy() {
		draw.Draw(row, row.Rect, from, image.Pt(part.Min.X, part.Min.Y+y), draw.Src)
		add(sums, row.Pix)
		to := y * height / part.Dy()
		if y+1 < part.Dy() && (y+1)*height/part.Dy() == to {
			continue
		}
		for x := range sums {
			sums[x].average(reduced.Pix[reduced.PixOffset(x, to):])
			sums[x] = cell{}
		}
	}
	return reduced
}

// cell is what fell into one pixel.
type cell struct {
	r, g, b, a, pixels uint64
}

// add adds a row of pixels to the cells that they fall into.
func add(sums []cell, row []byte) {
	pixels := len(row) / 4
	for x := range pixels {
		c, p := &sums[x*len(sums)/pixels], row[4*x:4*x+4]
		c.r += uint64(p[0])
		c.g += uint64(p[1])
		c.b += uint64(p[2])
		c.a += uint64(p[3])
		c.pixels++
	}
}

func (c *cell) average(pixel []byte) {
	half := c.pixels / 2
	pixel[0] = byte((c.r + half) / c.pixels)
	pixel[1] = byte((c.g + half) / c.pixels)
	pixel[2] = byte((c.b + half) / c.pixels)
	pixel[3] = byte((c.a + half) / c.pixels)
}
