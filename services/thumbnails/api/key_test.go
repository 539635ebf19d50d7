package thumbnailsapi

import (
	"crypto/sha1"
	"strings"
	"testing"
)

func TestAKeyIsTheSumOfAContentAndNothingElse(t *testing.T) {
	sum := sha1.Sum([]byte("a picture"))
	key, ok := KeyOf(sum[:])
	if !ok {
		t.Fatal("a sum is no key")
	}
	if got, err := ParseKey(PreviewPath + string(key)); err != nil || got != key {
		t.Errorf("%s, %v", got, err)
	}
	if _, ok := KeyOf(sum[:16]); ok {
		t.Error("half a sum is a key")
	}
	for _, path := range []string{
		"", "/", PreviewPath, string(key), PreviewPath + string(key[2:]), PreviewPath + string(key) + "00",
		PreviewPath + strings.ToUpper(string(key)), PreviewPath + "../" + string(key[3:]), PreviewPath + strings.Repeat("z", 40),
	} {
		if key, err := ParseKey(path); err == nil {
			t.Errorf("%q is %s", path, key)
		}
	}
}

func TestFormatsAreKnownByTheirFirstBytes(t *testing.T) {
	for head, want := range map[string]Kind{
		"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d":          PNG,
		"\xff\xd8\xff\xe0\x00\x10JFIF":               JPEG,
		"GIF89a\x01\x00\x01\x00\x80\x00":             GIF,
		"GIF87a":                                     GIF,
		"RIFF\x24\x00\x00\x00WEBPVP8 ":               WebP,
		"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00": BMP,
		"II*\x00\x08\x00\x00\x00":                    TIFF,
		"MM\x00*\x00\x00\x00\x08":                    TIFF,
		"":                                           "",
		"BM, I said":                                 "",
		"RIFF\x24\x00\x00\x00WAVE":                   "",
		"RIFF":                                       "",
		"%PDF-1.4":                                   "",
		"<svg xmlns='http://www.w3.org/2000/svg'>":           "",
		"\x00\x00\x00\x18ftypheic":                           "",
		"#!/bin/sh\ncat /etc/passwd # \x89PNG\r\n\x1a\n\x00": "",
	} {
		if got := KindOf([]byte(head)); got != want {
			t.Errorf("%q is %q, not %q", head, got, want)
		}
	}
}
