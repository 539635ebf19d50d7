package picture

import (
	"encoding/binary"
	"image"
	"io"
)

// Orientation says how the stored picture lies in the one that is to be shown: the values
// of the tag Orientation (TIFF 6.0, page 36; Exif takes it over).
type Orientation int

// Upright is the orientation of a picture that says nothing else.
const Upright Orientation = 1

// sideways tells whether width and height change places.
func (o Orientation) sideways() bool { return o >= 5 && o <= 8 }

// upright returns stored as it is to be shown.
func (o Orientation) upright(stored *image.RGBA) *image.RGBA {
	if o <= Upright || o > 8 {
		return stored
	}
	w, h := stored.Rect.Dx(), stored.Rect.Dy()
	shown := image.NewRGBA(image.Rect(0, 0, w, h))
	if o.sideways() {
		shown = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			toX, toY := o.place(x, y, w, h)
			copy(shown.Pix[shown.PixOffset(toX, toY):][:4], stored.Pix[stored.PixOffset(x, y):][:4])
		}
	}
	return shown
}

// place is where the pixel of a stored picture of w by h is shown.
func (o Orientation) place(x, y, w, h int) (int, int) {
	switch o {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return h - 1 - y, x
	case 7:
		return h - 1 - y, w - 1 - x
	case 8:
		return y, w - 1 - x
	}
	return x, y
}

// segments is what stands before the picture in a JPEG.
type segments struct {
	turn        Orientation
	progressive bool
}

// Markers of JPEG (ITU-T T.81, table B.1).
const (
	markerStart       = 0xc0 // of a frame, up to 0xcf but for three
	markerProgressive = 0xc2
	markerHuffman     = 0xc4
	markerReserved    = 0xc8
	markerArithmetic  = 0xcc
	markerScan        = 0xda
	markerApp1        = 0xe1
)

// maxSegments bounds the walk: a file may consist of empty segments.
const maxSegments = 1000

// scanSegments walks up to the start of the frame.
func scanSegments(source Source) segments {
	found := segments{turn: Upright}
	offset := int64(2)
	for range maxSegments {
		var header [4]byte
		if _, err := source.ReadAt(header[:], offset); err != nil || header[0] != 0xff {
			return found
		}
		marker, length := header[1], int64(binary.BigEndian.Uint16(header[2:]))
		switch {
		case marker == 0xff: // fill
			offset++
			continue
		case marker == markerApp1:
			if turn := exifOrientation(source, offset+4, length-2); turn != Upright {
				found.turn = turn
			}
		case marker == markerScan:
			return found
		case marker >= markerStart && marker <= 0xcf && marker != markerHuffman && marker != markerReserved && marker != markerArithmetic:
			found.progressive = marker == markerProgressive
			return found
		}
		offset += 2 + length
	}
	return found
}

// exifOrientation reads the orientation of a segment that holds Exif, which is a TIFF file
// behind six bytes.
func exifOrientation(source Source, offset, length int64) Orientation {
	const introduction = "Exif\x00\x00"
	var head [len(introduction)]byte
	if _, err := source.ReadAt(head[:], offset); err != nil || string(head[:]) != introduction {
		return Upright
	}
	size := length - int64(len(introduction))
	return tiffOrientation(Source{ReaderAt: io.NewSectionReader(source, offset+int64(len(introduction)), size), Size: size})
}

// Entries of a TIFF's directory (TIFF 6.0, page 14).
const (
	entryBytes     = 12
	tagOrientation = 0x0112
	typeShort      = 3
)

// tiffOrientation reads the orientation in the first directory of a TIFF.
func tiffOrientation(source Source) Orientation {
	var head [8]byte
	if _, err := source.ReadAt(head[:], 0); err != nil {
		return Upright
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 'M' {
		order = binary.BigEndian
	}
	offset := int64(order.Uint32(head[4:]))
	var count [2]byte
	if _, err := source.ReadAt(count[:], offset); err != nil {
		return Upright
	}
	entries := make([]byte, entryBytes*int(order.Uint16(count[:]))) // less than a megabyte
	n, _ := source.ReadAt(entries, offset+2)                        // what is there is enough
	for ; n >= entryBytes; n, entries = n-entryBytes, entries[entryBytes:] {
		if order.Uint16(entries) != tagOrientation || order.Uint16(entries[2:]) != typeShort {
			continue
		}
		if value := Orientation(order.Uint16(entries[8:])); value >= Upright && value <= 8 {
			return value
		}
	}
	return Upright
}
