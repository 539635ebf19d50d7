package picture

import (
	"bytes"
	"embed"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

// The WebP files are of cwebp, of the picture that twoColours makes.
//
//go:embed testdata/*.webp
var testdata embed.FS

var (
	red   = color.NRGBA{200, 40, 40, 255}
	blue  = color.NRGBA{40, 40, 200, 255}
	clear = color.NRGBA{}
)

// twoColours is a picture of 48 by 32, its left half red.
func twoColours(right color.NRGBA) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, 48, 32))
	for y := range 32 {
		for x := range 48 {
			m.Set(x, y, right)
			if x < 24 {
				m.Set(x, y, red)
			}
		}
	}
	return m
}

func encoded(t testing.TB, write func(io.Writer, image.Image) error, m image.Image) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := write(&file, m); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func jpegFile(t testing.TB, m image.Image) []byte {
	return encoded(t, func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, &jpeg.Options{Quality: 95}) }, m)
}

func tiffFile(t testing.TB, m image.Image) []byte {
	return encoded(t, func(w io.Writer, m image.Image) error {
		return tiff.Encode(w, m, &tiff.Options{Compression: tiff.Deflate})
	}, m)
}

func stored(t testing.TB, name string) []byte {
	t.Helper()
	file, err := testdata.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// everyFormat are files of twoColours.
func everyFormat(t testing.TB) map[string][]byte {
	opaque, transparent := twoColours(blue), twoColours(clear)
	return map[string][]byte{
		"png": encoded(t, png.Encode, opaque), "png with alpha": encoded(t, png.Encode, transparent),
		"jpeg": jpegFile(t, opaque),
		"gif":  encoded(t, func(w io.Writer, m image.Image) error { return gif.Encode(w, m, nil) }, opaque),
		"bmp":  encoded(t, bmp.Encode, opaque),
		"tiff": tiffFile(t, opaque), "tiff with alpha": tiffFile(t, transparent),
		"lossless webp": stored(t, "lossless.webp"), "lossy webp": stored(t, "lossy.webp"), "webp with alpha": stored(t, "alpha.webp"),
	}
}

func source(file []byte) Source {
	return Source{ReaderAt: bytes.NewReader(file), Size: int64(len(file))}
}

// header reads the header of a file that is expected to have one.
func header(t testing.TB, file []byte) Header {
	t.Helper()
	h, err := ReadHeader(thumbnailsapi.KindOf(file), source(file))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// previewOf makes a preview and reads it again.
func previewOf(t testing.TB, file []byte, mode thumbnailsapi.Mode) (m image.Image, format string) {
	t.Helper()
	h := header(t, file)
	decoded, err := Decode(h, source(file))
	if err != nil {
		t.Fatal(err)
	}
	preview, err := Preview(h, decoded, mode)
	if err != nil {
		t.Fatal(err)
	}
	m, format, err = image.Decode(bytes.NewReader(preview))
	if err != nil {
		t.Fatal(err)
	}
	return m, format
}

// near tells whether a pixel has a colour, up to what compression does.
func near(m image.Image, x, y int, want color.NRGBA) bool {
	got := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
	if want.A == 0 {
		return got.A == 0
	}
	distance := func(a, b uint8) int { return max(int(a), int(b)) - min(int(a), int(b)) }
	return got.A == want.A && distance(got.R, want.R)+distance(got.G, want.G)+distance(got.B, want.B) < 40
}

// exif is a JPEG's segment that says nothing but how the picture lies.
func exif(order binary.AppendByteOrder, turn Orientation) []byte {
	directory := []byte("II*\x00")
	if order == binary.BigEndian {
		directory = []byte("MM\x00*")
	}
	directory = order.AppendUint32(directory, 8)
	directory = order.AppendUint16(directory, 1)
	directory = order.AppendUint16(directory, tagOrientation)
	directory = order.AppendUint16(directory, typeShort)
	directory = order.AppendUint32(directory, 1)
	directory = order.AppendUint16(directory, uint16(turn))
	directory = order.AppendUint16(directory, 0)
	directory = order.AppendUint32(directory, 0)
	content := append([]byte("Exif\x00\x00"), directory...)
	return append(binary.BigEndian.AppendUint16([]byte{0xff, markerApp1}, uint16(len(content)+2)), content...)
}
