package picture

import (
	"image"
	"testing"

	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

func TestTheSizeOfAPreview(t *testing.T) {
	fit := func(w, h int) thumbnailsapi.Mode { return thumbnailsapi.Mode{Width: w, Height: h} }
	fill := func(w, h int) thumbnailsapi.Mode { return thumbnailsapi.Mode{Width: w, Height: h, Crop: true} }
	larger := func(m thumbnailsapi.Mode) thumbnailsapi.Mode { m.Enlarge = true; return m }
	for name, check := range map[string]struct {
		w, h          int
		mode          thumbnailsapi.Mode
		part          image.Rectangle
		width, height int
	}{
		"wide":                      {400, 200, fit(32, 32), image.Rect(0, 0, 400, 200), 32, 16},
		"high":                      {200, 400, fit(32, 32), image.Rect(0, 0, 200, 400), 16, 32},
		"the same shape":            {400, 200, fit(40, 20), image.Rect(0, 0, 400, 200), 40, 20},
		"rounded":                   {100, 33, fit(32, 32), image.Rect(0, 0, 100, 33), 32, 11},
		"a line":                    {5000, 1, fit(32, 32), image.Rect(0, 0, 5000, 1), 32, 1},
		"a pillar":                  {1, 5000, fit(32, 32), image.Rect(0, 0, 1, 5000), 1, 32},
		"small":                     {20, 10, fit(32, 32), image.Rect(0, 0, 20, 10), 20, 10},
		"small in one way":          {20, 100, fit(32, 50), image.Rect(0, 0, 20, 100), 10, 50},
		"enlarged":                  {20, 10, larger(fit(32, 32)), image.Rect(0, 0, 20, 10), 32, 16},
		"enlarged from one pixel":   {1, 1, larger(fit(1920, 1080)), image.Rect(0, 0, 1, 1), 1080, 1080},
		"enlarged, but it is large": {400, 200, larger(fit(32, 32)), image.Rect(0, 0, 400, 200), 32, 16},
		"cut at the sides":          {400, 200, fill(32, 32), image.Rect(100, 0, 300, 200), 32, 32},
		"cut above and below":       {200, 400, fill(32, 32), image.Rect(0, 100, 200, 300), 32, 32},
		"cut to a line":             {1000, 1000, fill(100, 1), image.Rect(0, 495, 1000, 505), 100, 1},
		"nothing to cut":            {400, 200, fill(40, 20), image.Rect(0, 0, 400, 200), 40, 20},
		"small and cut":             {20, 10, fill(32, 32), image.Rect(5, 0, 15, 10), 10, 10},
		"small, cut and enlarged":   {20, 10, larger(fill(32, 32)), image.Rect(5, 0, 15, 10), 32, 32},
		"one pixel, cut":            {1, 1, fill(1920, 1), image.Rect(0, 0, 1, 1), 1, 1},
	} {
		if got, want := planFor(check.w, check.h, check.mode), (plan{check.part, check.width, check.height}); got != want {
			t.Errorf("%s: %+v, not %+v", name, got, want)
		}
	}
}

func FuzzAPlanIsWithinThePictureAndTheWish(f *testing.F) {
	f.Add(4000, 3000, 32, 32, false, false)
	f.Add(1, 1<<31-1, 1920, 1, true, true)
	f.Fuzz(func(t *testing.T, w, h, width, height int, crop, enlarge bool) {
		w, h = 1+int(uint(w)%(1<<31-1)), 1+int(uint(h)%(1<<31-1))
		mode := thumbnailsapi.Mode{Width: 1 + int(uint(width)%thumbnailsapi.MaxSide), Height: 1 + int(uint(height)%thumbnailsapi.MaxSide), Crop: crop, Enlarge: enlarge}
		p := planFor(w, h, mode)
		if p.part.Empty() || !p.part.In(image.Rect(0, 0, w, h)) || p.width < 1 || p.height < 1 || p.width > mode.Width || p.height > mode.Height {
			t.Errorf("%d by %d, %+v: %+v", w, h, mode, p)
		}
		if !enlarge && (p.width > p.part.Dx() || p.height > p.part.Dy()) {
			t.Errorf("%d by %d, %+v: it is enlarged: %+v", w, h, mode, p)
		}
	})
}
