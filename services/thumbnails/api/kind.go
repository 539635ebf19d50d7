package thumbnailsapi

import "bytes"

// Kind is a format that previews can be made of.
type Kind string

// The formats.
const (
	PNG  Kind = "PNG"
	JPEG Kind = "JPEG"
	GIF  Kind = "GIF"
	WebP Kind = "WebP"
	BMP  Kind = "BMP"
	TIFF Kind = "TIFF"
)

// HeadBytes is how much of a content KindOf looks at.
const HeadBytes = 12

// KindOf tells the format of a content by its first bytes; "" for what is no picture, or of
// another format. Names are not looked at: they are what somebody wrote.
func KindOf(head []byte) Kind {
	starts := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case starts("\x89PNG\r\n\x1a\n"):
		return PNG
	case starts("\xff\xd8\xff"):
		return JPEG
	case starts("GIF87a"), starts("GIF89a"):
		return GIF
	case starts("RIFF") && len(head) >= HeadBytes && string(head[8:HeadBytes]) == "WEBP":
		return WebP
	case starts("BM") && len(head) >= 10 && string(head[6:10]) == "\x00\x00\x00\x00": // the reserved words of BITMAPFILEHEADER
		return BMP
	case starts("II*\x00"), starts("MM\x00*"):
		return TIFF
	}
	return ""
}
