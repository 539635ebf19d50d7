package webdav

import (
	"net/http"
	"testing"
)

func TestPartsOfAFileAreServedAsRFC9110Says(t *testing.T) {
	const huge = "99999999999999999999999999"
	for header, want := range map[string]struct {
		status      int
		body, parts string
	}{
		"bytes=1-2":                   {206, "el", "bytes 1-2/5"},
		"Bytes=1-2":                   {206, "el", "bytes 1-2/5"},
		"bytes=3-":                    {206, "lo", "bytes 3-4/5"},
		"bytes=-2":                    {206, "lo", "bytes 3-4/5"},
		"bytes=0-9223372036854775808": {206, "hello", "bytes 0-4/5"},
		"bytes=1-" + huge:             {206, "ello", "bytes 1-4/5"},
		"bytes=-" + huge:              {206, "hello", "bytes 0-4/5"},
		"bytes=-0,1-2":                {206, "el", "bytes 1-2/5"},
		"bytes=-0":                    {416, "", "bytes */5"},
		"bytes=5-":                    {416, "", "bytes */5"},
		"bytes=" + huge + "-":         {416, "", "bytes */5"},
		"items=0-1":                   {200, "hello", ""},
		"bytes=2-1":                   {200, "hello", ""},
		"bytes=a-b":                   {200, "hello", ""},
		"bytes=-":                     {200, "hello", ""},
		"bytes=":                      {200, "hello", ""},
		"bytes=+1-2":                  {200, "hello", ""},
		"1-2":                         {200, "hello", ""},
	} {
		t.Run(header, func(t *testing.T) {
			answer := do(t, aliceFiles(), http.MethodGet, home+"/f.txt", "", "Range", header)
			got := answer.Header().Get("Content-Range")
			if answer.Code != want.status || got != want.parts || answer.Code != http.StatusRequestedRangeNotSatisfiable && answer.Body.String() != want.body {
				t.Errorf("%d %q %q", answer.Code, got, answer.Body)
			}
		})
	}
	if answer := do(t, aliceFiles(), http.MethodGet, home+"/f.txt", "", "Range", "bytes=0-0,4-4"); answer.Code != http.StatusPartialContent {
		t.Errorf("two parts: %d", answer.Code)
	}
}

func FuzzRanges(f *testing.F) {
	f.Add("bytes=1-2,-3,4-", uint64(5))
	f.Add("bytes=-0", uint64(0))
	f.Fuzz(func(t *testing.T, header string, size uint64) {
		normal := normalRange(header, size)
		if again := normalRange(normal, size); again != normal {
			t.Errorf("%q becomes %q and then %q", header, normal, again)
		}
	})
}
