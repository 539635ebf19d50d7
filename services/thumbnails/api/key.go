package thumbnailsapi

import (
	"crypto/sha1" //nolint:gosec // what storage keeps; who makes two files with one sum has two files with one preview
	"encoding/hex"
	"errors"
	"strings"
)

// PreviewPath is the folder of the service's addresses: a Key follows.
const PreviewPath = "/previews/"

// MaxContent is the largest picture, in bytes of its file, that a preview is made of.
const MaxContent = 64 << 20

// Key names a picture by the SHA-1 of its content, in lower-case hexadecimal digits.
type Key string

// KeyOf returns the key of the content with this SHA-1; false when there is none.
func KeyOf(sum []byte) (Key, bool) {
	return Key(hex.EncodeToString(sum)), len(sum) == sha1.Size
}

var errKey = errors.New("a picture is named by the SHA-1 of its content")

// ParseKey reads the path of a request.
func ParseKey(path string) (Key, error) {
	text, ok := strings.CutPrefix(path, PreviewPath)
	sum, err := hex.DecodeString(text)
	if key, whole := KeyOf(sum); ok && err == nil && whole && string(key) == text {
		return key, nil
	}
	return "", errKey
}

// generation is part of every etag, and changes when other previews are made of the same
// pictures.
const generation = "1"

// Etag names a preview, without quotes. It is known before the preview is made.
func Etag(key Key, mode Mode) string { return string(key) + "-" + mode.String() + "-" + generation }
