package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"sync"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// blackPNG is a picture whose file is small, however large it is.
func blackPNG(t *testing.T, width, height int) string {
	t.Helper()
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black, color.White})); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

func TestAPictureThatIsTooMuchEndsOneProcessAndNobodyElseNotices(t *testing.T) {
	server := ocistest.Start(t, "THUMBNAILS_DECODE_TIMEOUT=500ms", "THUMBNAILS_MAX_PIXELS=200000000", "OCIS_MEMORY_LIMIT=8GiB")
	for path, content := range map[string]string{"/small.png": blackPNG(t, 200, 100), "/bomb.png": blackPNG(t, 14_000, 14_000), "/text": "no picture"} {
		if status, body := server.Do("PUT", home+path, content); status != http.StatusCreated {
			t.Fatalf("%d %s", status, body)
		}
	}
	want := func(status int, path string, header ...string) string {
		t.Helper()
		got, body := server.Do("GET", path, "", header...)
		if got != status {
			t.Errorf("%s: %d %s", path, got, body)
		}
		return body
	}
	before := server.List()
	var meanwhile sync.WaitGroup
	for range 3 {
		meanwhile.Go(func() { want(http.StatusUnprocessableEntity, home+"/bomb.png?preview=1") })
		meanwhile.Go(func() {
			for range 20 {
				want(http.StatusOK, home+"/text")
			}
		})
	}
	meanwhile.Wait()
	server.AwaitStatus("thumbnails", "ready")
	small := want(http.StatusOK, home+"/small.png?preview=1&x=64&y=64")
	if config, format, err := image.DecodeConfig(bytes.NewReader([]byte(small))); err != nil || format != "jpeg" || config.Width != 64 || config.Height != 32 {
		t.Errorf("%s of %d by %d, %v", format, config.Width, config.Height, err)
	}
	if again := want(http.StatusOK, "/thumbnails/small.png?x=64&y=64"); again != small {
		t.Error("the preview has another one at its other address")
	}
	want(http.StatusUnprocessableEntity, "/thumbnails/bomb.png")
	want(http.StatusNotFound, home+"/text?preview=1")
	want(http.StatusUnauthorized, "/thumbnails/small.png", "Authorization", "")
	for name, now := range server.List() {
		if restarts := now.Restarts - before[name].Restarts; name == "thumbnails" && restarts != 2 || name != "thumbnails" && restarts != 0 {
			t.Errorf("%s was restarted %d times", name, restarts)
		}
	}
}
