package thumbnailsapi

import (
	"fmt"
	"net/url"
	"strconv"
)

const (
	// DefaultSide is the width and height of a preview that nobody chose, as in ownCloud.
	DefaultSide = 32
	// MaxSide bounds the width and the height of a preview; larger wishes are scaled down.
	MaxSide = 1920
)

// Mode is the wish for a preview. Both sides are 1 to MaxSide pixels.
type Mode struct {
	Width, Height int
	Crop          bool // exactly that size, of the middle of the picture; else all of it, within that size
	Enlarge       bool // small pictures too
}

// ParseMode reads the query parameters of ownCloud's clients: x and y are the size, a=0
// allows to cut off what does not fit, and so do the processors "fill" and "thumbnail" of
// ownCloud Web; scalingup=1 enlarges. What it does not know means nothing. Its errors are for
// whoever asks.
func ParseMode(query url.Values) (Mode, error) {
	width, err := side(query, "x", "width")
	if err != nil {
		return Mode{}, err
	}
	height, err := side(query, "y", "height")
	if err != nil {
		return Mode{}, err
	}
	mode := Mode{Crop: query.Get("a") == "0", Enlarge: query.Get("scalingup") == "1"}
	switch query.Get("processor") {
	case "fit":
		mode.Crop = false
	case "fill", "thumbnail":
		mode.Crop = true
	}
	mode.Width, mode.Height = within(width, height)
	return mode, nil
}

func side(query url.Values, key, name string) (int64, error) {
	text := query.Get(key)
	if text == "" {
		return DefaultSide, nil
	}
	pixels, err := strconv.ParseInt(text, 10, 32)
	if err != nil || pixels < 1 {
		return 0, fmt.Errorf("the %s of a preview is a whole number of pixels, at least 1", name)
	}
	return pixels, nil
}

// within scales a size down to MaxSide, and keeps its shape.
func within(width, height int64) (int, int) {
	if longer := max(width, height); longer > MaxSide {
		width, height = max(1, width*MaxSide/longer), max(1, height*MaxSide/longer)
	}
	return int(width), int(height)
}

// Query is the query that ParseMode reads as m.
func (m Mode) Query() string {
	query := "x=" + strconv.Itoa(m.Width) + "&y=" + strconv.Itoa(m.Height)
	if m.Crop {
		query += "&a=0"
	}
	if m.Enlarge {
		query += "&scalingup=1"
	}
	return query
}

// String names a mode, in the characters of a file's name.
func (m Mode) String() string {
	name := strconv.Itoa(m.Width) + "x" + strconv.Itoa(m.Height)
	if m.Crop {
		name += "-crop"
	}
	if m.Enlarge {
		name += "-up"
	}
	return name
}
