package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

func TestAPreviewLooksLikeItsPicture(t *testing.T) {
	for name, file := range everyFormat(t) {
		t.Run(name, func(t *testing.T) {
			right, want := blue, "jpeg"
			if strings.Contains(name, "alpha") {
				right, want = clear, "png"
			}
			small, format := previewOf(t, file, thumbnailsapi.Mode{Width: 12, Height: 12})
			if size := small.Bounds().Size(); size != image.Pt(12, 8) || format != want {
				t.Errorf("it is a %s of %v", format, size)
			}
			if !near(small, 1, 4, red) || !near(small, 10, 4, right) {
				t.Errorf("left it is %v, right %v", small.At(1, 4), small.At(10, 4))
			}
		})
	}
}

func TestWhatHasOtherColoursInMemoryIsShownInTheSameOnes(t *testing.T) {
	bounds := image.Rect(0, 0, 30, 30)
	for name, m := range map[string]interface {
		image.Image
		Set(x, y int, c color.Color)
	}{
		"grey": image.NewGray(bounds), "grey, 16 bits": image.NewGray16(bounds), "16 bits": image.NewNRGBA64(bounds),
		"palette": image.NewPaletted(bounds, color.Palette{color.Black, color.Gray{150}}),
	} {
		for y := range 30 {
			for x := range 30 {
				m.Set(x, y, color.Gray{150})
			}
		}
		small, _ := previewOf(t, encoded(t, png.Encode, m), thumbnailsapi.Mode{Width: 5, Height: 5})
		if !near(small, 2, 2, color.NRGBA{150, 150, 150, 255}) {
			t.Errorf("%s: %v", name, small.At(2, 2))
		}
	}
}

func TestPixelsThatCannotBeSeenGiveAPreviewNoColour(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			m.Set(x, y, color.NRGBA{0, 255, 0, 0})
			if y%2 == 0 {
				m.Set(x, y, red)
			}
		}
	}
	small, _ := previewOf(t, encoded(t, png.Encode, m), thumbnailsapi.Mode{Width: 8, Height: 8})
	if got := color.NRGBAModel.Convert(small.At(4, 4)).(color.NRGBA); got.R < 190 || got.G > 50 || got.A < 120 || got.A > 135 {
		t.Errorf("%v", got)
	}
}

func TestOfAnAnimationTheFirstPictureIsShown(t *testing.T) {
	palette := color.Palette{red, blue}
	animation := &gif.GIF{}
	for n := range 50 {
		frame := image.NewPaletted(image.Rect(0, 0, 40, 40), palette)
		for i := range frame.Pix {
			frame.Pix[i] = uint8(min(n, 1))
		}
		animation.Image, animation.Delay = append(animation.Image, frame), append(animation.Delay, 1)
	}
	var file bytes.Buffer
	if err := gif.EncodeAll(&file, animation); err != nil {
		t.Fatal(err)
	}
	if small, _ := previewOf(t, file.Bytes(), thumbnailsapi.Mode{Width: 10, Height: 10}); !near(small, 5, 5, red) {
		t.Errorf("it is %v", small.At(5, 5))
	}
}

func TestAPictureIsTurnedAsItSays(t *testing.T) {
	file := jpegFile(t, twoColours(blue))
	for turn, check := range map[Orientation]struct {
		size image.Point
		red  image.Point // somewhere inside
		blue image.Point
	}{
		1: {image.Pt(12, 8), image.Pt(1, 4), image.Pt(10, 4)},
		2: {image.Pt(12, 8), image.Pt(10, 4), image.Pt(1, 4)},
		3: {image.Pt(12, 8), image.Pt(10, 4), image.Pt(1, 4)},
		4: {image.Pt(12, 8), image.Pt(1, 4), image.Pt(10, 4)},
		5: {image.Pt(8, 12), image.Pt(4, 1), image.Pt(4, 10)},
		6: {image.Pt(8, 12), image.Pt(4, 1), image.Pt(4, 10)},
		7: {image.Pt(8, 12), image.Pt(4, 10), image.Pt(4, 1)},
		8: {image.Pt(8, 12), image.Pt(4, 10), image.Pt(4, 1)},
		9: {image.Pt(12, 8), image.Pt(1, 4), image.Pt(10, 4)},
	} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			turned := slices.Concat(file[:2], exif(order, turn), file[2:])
			small, _ := previewOf(t, turned, thumbnailsapi.Mode{Width: 12, Height: 12})
			if small.Bounds().Size() != check.size || !near(small, check.red.X, check.red.Y, red) || !near(small, check.blue.X, check.blue.Y, blue) {
				t.Errorf("orientation %d, %s: it is of %v, with %v and %v", turn, order, small.Bounds().Size(), small.At(check.red.X, check.red.Y), small.At(check.blue.X, check.blue.Y))
			}
		}
	}
}

func TestEveryOrientationPutsEachPixelSomewhereElse(t *testing.T) {
	for turn := Orientation(1); turn <= 8; turn++ {
		const w, h = 3, 2
		wide, high := w, h
		if turn.sideways() {
			wide, high = h, w
		}
		seen := map[image.Point]bool{}
		for y := range h {
			for x := range w {
				toX, toY := turn.place(x, y, w, h)
				seen[image.Pt(toX, toY)] = image.Pt(toX, toY).In(image.Rect(0, 0, wide, high))
			}
		}
		if len(seen) != w*h || slices.Contains([]bool{seen[image.Pt(0, 0)], seen[image.Pt(wide-1, high-1)]}, false) {
			t.Errorf("orientation %d: %v", turn, seen)
		}
	}
}

// hugePNG says that it is of w by h, and has next to nothing of it.
func hugePNG(w, h uint32) []byte {
	chunk := func(name string, content []byte) []byte {
		body := append([]byte(name), content...)
		out := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
		return binary.BigEndian.AppendUint32(append(out, body...), crc32.ChecksumIEEE(body))
	}
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(size, 8, 6, 0, 0, 0)), chunk("IDAT", []byte{0x78, 0x9c}))
}

func TestAHeaderSaysWhatDecodingWillTakeAndTakesNothingItself(t *testing.T) {
	mode := thumbnailsapi.Mode{Width: 32, Height: 32}
	for name, check := range map[string]struct {
		file   []byte
		pixels int64
		atMost int64
	}{
		"a small picture": {jpegFile(t, twoColours(blue)), 48 * 32, 3 << 20},
		"a claim":         {hugePNG(30000, 30000), 900_000_000, 8 << 30},
		"an absurd claim": {hugePNG(1<<31-1, 1<<29), 1<<60 - 1<<29, math.MaxInt64},
	} {
		var h Header
		allocated := testing.AllocsPerRun(3, func() { h = header(t, check.file) })
		if cost := h.Cost(mode); h.Pixels() != check.pixels || cost < 4*check.pixels || cost > check.atMost {
			t.Errorf("%s: %d pixels for %d bytes", name, h.Pixels(), cost)
		}
		if allocated > 100 {
			t.Errorf("%s: the header took %v allocations", name, allocated)
		}
	}
}

func TestAProgressiveJPEGTakesMoreMemory(t *testing.T) {
	file := jpegFile(t, twoColours(blue))
	progressive := bytes.Replace(file, []byte{0xff, markerStart, 0, 17}, []byte{0xff, markerProgressive, 0, 17}, 1)
	if bytes.Equal(file, progressive) {
		t.Fatal("the frame was not found")
	}
	plain, much := header(t, file).DecodeCost(), header(t, progressive).DecodeCost()
	if much-fixedCost != 5*(plain-fixedCost) {
		t.Errorf("%d and %d", plain, much)
	}
}

func TestAnInterlacedPNGTakesTwiceTheMemory(t *testing.T) {
	file := hugePNG(100, 100)
	interlaced := slices.Clone(file)
	interlaced[8+8+12] = 1
	binary.BigEndian.PutUint32(interlaced[8+8+13:], crc32.ChecksumIEEE(interlaced[8+4:8+8+13]))
	if plain, much := header(t, file).DecodeCost(), header(t, interlaced).DecodeCost(); much-fixedCost != 2*(plain-fixedCost) {
		t.Errorf("%d and %d", plain, much)
	}
}

func TestWhatIsDamagedIsSaidToBe(t *testing.T) {
	for name, file := range everyFormat(t) {
		cut := file[:len(file)/2]
		h, err := ReadHeader(thumbnailsapi.KindOf(file), source(cut))
		if err == nil {
			_, err = Decode(h, source(cut))
		}
		if !errors.Is(err, ErrBroken) {
			t.Errorf("half a %s: %v", name, err)
		}
	}
}

// FuzzMakingAPreview gives the decoders files that look like pictures.
func FuzzMakingAPreview(f *testing.F) {
	for _, file := range everyFormat(f) {
		f.Add(file, 32, 32, false, false)
	}
	file := jpegFile(f, twoColours(blue))
	f.Add(slices.Concat(file[:2], exif(binary.LittleEndian, 6), file[2:]), 10, 100, true, true)
	f.Add(hugePNG(30000, 30000), 1, 1, true, false)
	f.Fuzz(func(t *testing.T, file []byte, width, height int, crop, enlarge bool) {
		mode := thumbnailsapi.Mode{Width: 1 + int(uint(width)%200), Height: 1 + int(uint(height)%200), Crop: crop, Enlarge: enlarge}
		h, err := ReadHeader(thumbnailsapi.KindOf(file), source(file))
		if err != nil || h.Pixels() > 1<<20 {
			return
		}
		decoded, err := Decode(h, source(file))
		if err != nil {
			return
		}
		preview, err := Preview(h, decoded, mode)
		if err != nil {
			t.Fatal(err)
		}
		config, _, err := image.DecodeConfig(bytes.NewReader(preview))
		if err != nil || config.Width > mode.Width || config.Height > mode.Height {
			t.Errorf("%v, %+v for %+v", err, config, mode)
		}
	})
}
