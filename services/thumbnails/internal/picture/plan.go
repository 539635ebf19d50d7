package picture

import (
	"image"

	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

// plan says which part of a picture becomes a preview, and of which size.
type plan struct {
	part          image.Rectangle
	width, height int
}

// planFor plans the preview of a picture of w by h pixels.
func planFor(w, h int, mode thumbnailsapi.Mode) plan {
	if mode.Crop {
		return cropped(w, h, mode)
	}
	return whole(w, h, mode)
}

// whole fits all of the picture into the wished size.
func whole(w, h int, mode thumbnailsapi.Mode) plan {
	p := plan{part: image.Rect(0, 0, w, h), width: w, height: h}
	if w <= mode.Width && h <= mode.Height && !mode.Enlarge {
		return p
	}
	if scaled(h, mode.Width, w) <= mode.Height { // the width decides
		p.width, p.height = mode.Width, scaled(h, mode.Width, w)
	} else {
		p.width, p.height = min(scaled(w, mode.Height, h), mode.Width), mode.Height
	}
	return p
}

// cropped cuts off what is more than the wished shape, at both sides.
func cropped(w, h int, mode thumbnailsapi.Mode) plan {
	width, height := w, min(h, scaled(w, mode.Height, mode.Width))
	if int64(w)*int64(mode.Height) > int64(h)*int64(mode.Width) {
		width, height = min(w, scaled(h, mode.Width, mode.Height)), h
	}
	left, top := (w-width)/2, (h-height)/2
	p := plan{part: image.Rect(left, top, left+width, top+height), width: mode.Width, height: mode.Height}
	if width <= mode.Width && height <= mode.Height && !mode.Enlarge {
		p.width, p.height = width, height
	}
	return p
}

// scaled returns n*to/from, rounded, at least 1.
func scaled(n, to, from int) int {
	return int(max(1, (int64(n)*int64(to)+int64(from)/2)/int64(from)))
}

// planOf plans for a picture that may have to be turned: all is as stored.
func (h Header) planOf(mode thumbnailsapi.Mode) plan {
	if h.Turn.sideways() {
		mode.Width, mode.Height = mode.Height, mode.Width
	}
	return planFor(h.Width, h.Height, mode)
}

// reducedTo is the size that averaging brings the part to: twice that of the preview, so
// that the last step has something to interpolate.
func (p plan) reducedTo() (width, height int) {
	return min(p.part.Dx(), 2*p.width), min(p.part.Dy(), 2*p.height)
}

// fixedCost is what a preview takes beside its picture: the decoders' tables and buffers.
const fixedCost = 2 << 20

// DecodeCost estimates how many bytes of memory it takes to decode the picture. It means
// nothing for one with so many pixels that nobody has memory for them.
func (h Header) DecodeCost() int64 { return fixedCost + h.Pixels()*h.pixelBytes }

// Cost is DecodeCost with what it takes to make a preview of the decoded picture.
func (h Header) Cost(mode thumbnailsapi.Mode) int64 {
	p := h.planOf(mode)
	width, height := p.reducedTo()
	row := int64(p.part.Dx())*4 + int64(width)*(4+1)*8 // one as pixels, and its sums
	small := int64(width)*int64(height)*4 + int64(p.width)*int64(p.height)*(4+4+4)
	return h.DecodeCost() + row + small
}
