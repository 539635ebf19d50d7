package picture

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

// ErrBroken is what the errors wrap of files that do not keep to their format, or use a part
// of it that is not supported.
var ErrBroken = errors.New("the picture cannot be read")

// Source is a picture's file.
type Source struct {
	io.ReaderAt
	Size int64 // bytes
}

// reader reads the file from its beginning. Decoders of TIFF want an io.ReaderAt as well.
func (s Source) reader() *io.SectionReader { return io.NewSectionReader(s, 0, s.Size) }

// Header is what a file says of its picture before it is decoded.
type Header struct {
	Kind          thumbnailsapi.Kind
	Width, Height int         // as stored
	Turn          Orientation // how it is to be shown

	pixelBytes int64 // memory of a decoder for each pixel
}

// Pixels is how many there are.
func (h Header) Pixels() int64 { return int64(h.Width) * int64(h.Height) }

// ReadHeader reads the header of a file of that kind, and nothing of the picture.
func ReadHeader(kind thumbnailsapi.Kind, source Source) (Header, error) {
	config, err := decodeConfig(kind, bufio.NewReader(source.reader()), source)
	if err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if config.Width < 1 || config.Height < 1 {
		return Header{}, fmt.Errorf("%w: it has no pixels", ErrBroken)
	}
	h := Header{Kind: kind, Width: config.Width, Height: config.Height, Turn: Upright}
	own := bytesOf(config.ColorModel)
	switch kind {
	case thumbnailsapi.PNG:
		h.pixelBytes = max(own, 4) // that grey has a transparent shade may come later in the file
		if interlaced(source) {
			h.pixelBytes *= 2 // the passes beside the whole
		}
	case thumbnailsapi.JPEG:
		segments := scanSegments(source)
		h.Turn = segments.turn
		h.pixelBytes = own
		if segments.progressive {
			h.pixelBytes += 4 * own // all coefficients, 32 bits each
		}
	case thumbnailsapi.TIFF:
		h.Turn = tiffOrientation(source)
		h.pixelBytes = 2 * own // a block may be the whole picture
	case thumbnailsapi.WebP:
		h.pixelBytes = 3 * own // the transformed pixels, and alpha is a picture of its own
	default:
		h.pixelBytes = own
	}
	return h, nil
}

func decodeConfig(kind thumbnailsapi.Kind, r io.Reader, source Source) (image.Config, error) {
	switch kind {
	case thumbnailsapi.PNG:
		return png.DecodeConfig(r)
	case thumbnailsapi.JPEG:
		return jpeg.DecodeConfig(r)
	case thumbnailsapi.GIF:
		return gif.DecodeConfig(r)
	case thumbnailsapi.WebP:
		return webp.DecodeConfig(r)
	case thumbnailsapi.BMP:
		return bmp.DecodeConfig(r)
	case thumbnailsapi.TIFF:
		return tiff.DecodeConfig(source.reader())
	}
	return image.Config{}, errors.New("it is of an unknown format")
}

// Decode reads the picture; of an animation the first one.
func Decode(h Header, source Source) (image.Image, error) {
	decoded, err := decode(h.Kind, bufio.NewReader(source.reader()), source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return decoded, nil
}

func decode(kind thumbnailsapi.Kind, r io.Reader, source Source) (image.Image, error) {
	switch kind {
	case thumbnailsapi.PNG:
		return png.Decode(r)
	case thumbnailsapi.JPEG:
		return jpeg.Decode(r)
	case thumbnailsapi.GIF:
		return gif.Decode(r)
	case thumbnailsapi.WebP:
		return webp.Decode(r)
	case thumbnailsapi.BMP:
		return bmp.Decode(r)
	}
	return tiff.Decode(source.reader())
}

// bytesOf is what a pixel of a colour model takes in memory.
func bytesOf(model color.Model) int64 {
	if _, ok := model.(color.Palette); ok { // which cannot be compared
		return 1
	}
	switch model {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.YCbCrModel:
		return 3
	case color.RGBAModel, color.NRGBAModel, color.NYCbCrAModel:
		return 4
	}
	return 8 // 16 bits each, and CMYK, which is made from another picture
}

// interlaced reads the last byte of a PNG's IHDR, which comes first (RFC 2083 section 4.1.1).
func interlaced(source Source) bool {
	const at = 8 + 8 + 12 // signature, chunk header, the fields before
	var method [1]byte
	_, err := source.ReadAt(method[:], at)
	return err == nil && method[0] != 0
}
