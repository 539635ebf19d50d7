package thumbnails

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

func newReader(file []byte) io.ReaderAt { return bytes.NewReader(file) }

// pngFile is a picture of that width; the shade tells pictures apart.
func pngFile(t *testing.T, width int, shade uint8) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, width, 64))
	for i := range m.Pix {
		m.Pix[i] = shade
	}
	var file bytes.Buffer
	if err := png.Encode(&file, m); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// mustShow fails unless a preview is one of a picture in that shade.
func mustShow(t *testing.T, preview thumbnailsapi.Preview, status int, shade uint8) {
	t.Helper()
	if status != http.StatusOK {
		t.Errorf("the answer is %d", status)
		return
	}
	m, _, err := image.Decode(bytes.NewReader(preview.Content))
	if err != nil {
		t.Error(err)
		return
	}
	if got := color.GrayModel.Convert(m.At(0, 0)).(color.Gray).Y; max(got, shade)-min(got, shade) > 4 {
		t.Errorf("the shade is %d, not %d", got, shade)
	}
}

func TestAPreviewIsMadeOnceAndOutlivesTheProcess(t *testing.T) {
	k := keep(t, 1)
	file := pngFile(t, 200, 100)
	if _, status := k.cached(file); status != http.StatusNotFound {
		t.Errorf("before it was made: %d", status)
	}
	preview, status := k.made(file)
	mustShow(t, preview, status, 100)
	for range 2 {
		again, status := k.cached(file)
		if status != http.StatusOK || !bytes.Equal(again.Content, preview.Content) {
			t.Errorf("%d, %d bytes", status, len(again.Content))
		}
		k.kill()
	}
	k.mustLeaveNothing()
}

func TestWhatNoPreviewCanBeMadeOfIsRememberedWithoutADeath(t *testing.T) {
	t.Setenv("THUMBNAILS_MAX_PIXELS", "100000")
	k := keep(t, 1)
	picture := pngFile(t, 200, 100)
	for name, check := range map[string]struct {
		file []byte
		want int
	}{
		"a text":              {[]byte("#!/bin/sh"), http.StatusUnsupportedMediaType},
		"nothing":             {nil, http.StatusUnsupportedMediaType},
		"half a picture":      {picture[:len(picture)/2], http.StatusUnprocessableEntity},
		"only a beginning":    {picture[:12], http.StatusUnprocessableEntity},
		"too large a picture": {pngFile(t, 2000, 1), http.StatusUnprocessableEntity},
	} {
		if _, status := k.made(check.file); status != check.want {
			t.Errorf("%s: %d", name, status)
		}
		if _, status := k.cached(check.file); status != check.want {
			t.Errorf("%s, without content: %d", name, status)
		}
	}
	if k.starts.Load() != 1 {
		t.Errorf("%d processes were started", k.starts.Load())
	}
	k.mustLeaveNothing()
}

func TestAPictureThatWasTooLargeIsTriedAgainWhenMoreIsAllowed(t *testing.T) {
	t.Setenv("THUMBNAILS_MAX_PIXELS", "1000")
	k := keep(t, 1)
	file := pngFile(t, 200, 100)
	if _, status := k.made(file); status != http.StatusUnprocessableEntity {
		t.Errorf("%d", status)
	}
	t.Setenv("THUMBNAILS_MAX_PIXELS", "100000")
	k.kill()
	if _, status := k.cached(file); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
	preview, status := k.made(file)
	mustShow(t, preview, status, 100)
}

func TestAPreviewThatTakesTooMuchMemoryIsRefusedBeforeItDoes(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "64MiB")
	k := keep(t, 1)
	file := pngFile(t, 20_000, 100)
	large := thumbnailsapi.Mode{Width: thumbnailsapi.MaxSide, Height: thumbnailsapi.MaxSide, Crop: true, Enlarge: true}
	_, err := k.Make(t.Context(), k.as("alice"), keyOf(file), large, newReader(file), int64(len(file)))
	if status := k.status(err); status != http.StatusUnprocessableEntity {
		t.Errorf("a large preview: %d", status)
	}
	preview, status := k.made(file) // a small one
	mustShow(t, preview, status, 100)
	if _, status := k.made(pngFile(t, 250_000, 100)); status != http.StatusUnprocessableEntity {
		t.Errorf("a large picture: %d", status)
	}
	if k.starts.Load() != 1 {
		t.Errorf("%d processes were started", k.starts.Load())
	}
	k.mustLeaveNothing()
}

func TestAContentIsComparedWithItsName(t *testing.T) {
	k := keep(t, 1)
	file := pngFile(t, 200, 100)
	_, err := k.Make(t.Context(), k.as("alice"), keyOf([]byte("another")), small, newReader(file), int64(len(file)))
	if status := k.status(err); status != http.StatusBadRequest {
		t.Errorf("%d", status)
	}
	if _, status := k.cached([]byte("another")); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
	k.mustLeaveNothing()
}

func TestOnlyUsersArePreviewsMadeFor(t *testing.T) {
	k := keep(t, 1)
	for name, check := range map[string]struct {
		signed string
		want   int
	}{
		"no token": {"", http.StatusUnauthorized}, "nonsense": {"nonsense", http.StatusUnauthorized}, "nobody": {k.as(""), http.StatusForbidden},
	} {
		_, err := k.Cached(t.Context(), check.signed, keyOf(nil), small)
		if status := k.status(err); status != check.want {
			t.Errorf("%s: %d", name, status)
		}
	}
}

// A picture that ends the process ends two of them, is answered with 422, and is not tried
// again, also by later processes.
func TestAPictureThatEndsTheProcessIsRefusedAndRemembered(t *testing.T) {
	t.Setenv("THUMBNAILS_DECODE_TIMEOUT", "500ms")
	t.Setenv("GOMEMLIMIT", "128MiB")
	for name, width := range map[string]int{"it kills": widthKills, "it hangs": widthHangs, "it swells": widthSwells} {
		t.Run(name, func(t *testing.T) {
			if width == widthSwells {
				t.Setenv("THUMBNAILS_DECODE_TIMEOUT", "20s")
			}
			k := keep(t, 1)
			bomb, harmless := pngFile(t, width, 1), pngFile(t, 200, 100)
			if _, status := k.made(bomb); status != http.StatusUnprocessableEntity {
				t.Errorf("the answer is %d", status)
			}
			if deaths := k.starts.Load() - 1; deaths != 2 {
				t.Errorf("%d processes died", deaths)
			}
			for kills := range 2 {
				if _, status := k.cached(bomb); status != http.StatusUnprocessableEntity {
					t.Errorf("without content the answer is %d", status)
				}
				if _, status := k.made(bomb); status != http.StatusUnprocessableEntity {
					t.Errorf("with content the answer is %d", status)
				}
				if deaths := int(k.starts.Load()) - 1 - kills; deaths != 2 {
					t.Errorf("%d processes died", deaths)
				}
				k.kill()
			}
			preview, status := k.made(harmless)
			mustShow(t, preview, status, 100)
			k.mustLeaveNothing()
		})
	}
}

// gate lets pictures of widthWaits wait.
type gate struct {
	t *testing.T
	net.Listener
}

func newGate(t *testing.T) *gate {
	t.Helper()
	listener, err := net.Listen("unix", os.Getenv(gateVariable))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return &gate{t: t, Listener: listener}
}

// arrived returns a picture that is being decoded. To close it is to let it go on.
func (g *gate) arrived() net.Conn {
	g.t.Helper()
	_ = g.Listener.(*net.UnixListener).SetDeadline(time.Now().Add(patience))
	conn, err := g.Accept()
	if err != nil {
		g.t.Fatal(err)
	}
	return conn
}

// open lets everything go on from now on.
func (g *gate) open() {
	_ = g.Listener.(*net.UnixListener).SetDeadline(time.Time{})
	for {
		conn, err := g.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

func TestInnocentPicturesGetTheirPreviewWhenAnotherEndsTheProcess(t *testing.T) {
	k := keep(t, 1)
	gate := newGate(t)
	bomb := pngFile(t, widthKills, 1)
	var asked sync.WaitGroup
	for _, shade := range []uint8{50, 150} {
		innocent := pngFile(t, widthWaits, shade)
		asked.Go(func() {
			preview, status := k.made(innocent)
			mustShow(t, preview, status, shade)
		})
		defer gate.arrived().Close()
	}
	var opened sync.WaitGroup
	opened.Go(gate.open)
	if _, status := k.made(bomb); status != http.StatusUnprocessableEntity {
		t.Errorf("the bomb is answered with %d", status)
	}
	asked.Wait()
	for _, shade := range []uint8{50, 150} {
		preview, status := k.cached(pngFile(t, widthWaits, shade))
		mustShow(t, preview, status, shade)
	}
	if deaths := k.starts.Load() - 1; deaths != 2 {
		t.Errorf("%d processes died", deaths)
	}
	k.mustLeaveNothing()
	gate.Close()
	opened.Wait()
}

func TestProcessesShareWhatTheyKnow(t *testing.T) {
	k := keep(t, 3)
	bomb := pngFile(t, widthKills, 1)
	var asked sync.WaitGroup
	for n := range 12 {
		asked.Go(func() {
			if n%4 == 0 {
				if _, status := k.made(bomb); status != http.StatusUnprocessableEntity {
					t.Errorf("the bomb is answered with %d", status)
				}
				return
			}
			preview, status := k.made(pngFile(t, 200, uint8(10*(n%2))))
			mustShow(t, preview, status, uint8(10*(n%2)))
		})
	}
	asked.Wait()
	if deaths := k.starts.Load() - 3; deaths > 2 { // the second one may not be replaced yet
		t.Errorf("%d processes died of one picture", deaths)
	}
	k.mustStart() // it clears up after those that died
	k.mustLeaveNothing()
}

func TestAPictureThatIsBeingDecodedIsFinishedBeforeTheProcessEnds(t *testing.T) {
	k := keep(t, 1)
	gate := newGate(t)
	file := pngFile(t, widthWaits, 100)
	var asked sync.WaitGroup
	asked.Go(func() {
		preview, status := k.made(file)
		mustShow(t, preview, status, 100)
	})
	decoding := gate.arrived()
	k.drain()
	decoding.Close()
	asked.Wait()
	gate.Close() // nothing is decoded once more
	if preview, status := k.cached(file); status != http.StatusOK {
		t.Errorf("%d, %v", status, preview)
	}
	k.mustLeaveNothing()
}

func TestWrongSettingsAreNamed(t *testing.T) {
	k := keep(t, 0)
	for variable, values := range map[string][]string{
		"THUMBNAILS_MAX_PIXELS":     {"0", "2000000000", "many"},
		"THUMBNAILS_DECODE_TIMEOUT": {"0s", "1m", "10"},
		"THUMBNAILS_CACHE_SIZE":     {"1", "all"},
	} {
		for _, value := range values {
			t.Setenv(variable, value)
			if _, err := New(k.src); err == nil || !strings.Contains(err.Error(), value) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s=%s: %v", variable, value, err)
			}
		}
		t.Setenv(variable, "")
	}
}
