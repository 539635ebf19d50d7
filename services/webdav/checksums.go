package webdav

import (
	"bytes"
	"crypto/md5" //nolint:gosec // an interoperable checksum, not a protection
	"crypto/sha1"
	"encoding/hex"
	"hash"
	"hash/adler32"
	"io"
	"net/http"
	"strings"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// sums computes the three checksums that clients know while content passes by.
type sums struct {
	io.Writer
	sha1, md5 hash.Hash
	adler32   hash.Hash32
}

func newSums() *sums {
	s := &sums{sha1: sha1.New(), md5: md5.New(), adler32: adler32.New()}
	s.Writer = io.MultiWriter(s.sha1, s.md5, s.adler32)
	return s
}

func (s *sums) result() *storageapi.Checksums {
	return &storageapi.Checksums{Sha1: s.sha1.Sum(nil), Md5: s.md5.Sum(nil), Adler32: s.adler32.Sum(nil)}
}

// checksums writes them as ownCloud clients read them: "SHA1:… MD5:… ADLER32:…".
func checksums(c *storageapi.Checksums) string {
	var parts []string
	for _, sum := range []struct {
		name  string
		value []byte
	}{{"SHA1", c.GetSha1()}, {"MD5", c.GetMd5()}, {"ADLER32", c.GetAdler32()}} {
		if len(sum.value) > 0 {
			parts = append(parts, sum.name+":"+hex.EncodeToString(sum.value))
		}
	}
	return strings.Join(parts, " ")
}

// expected reads the OC-Checksum header; nil: the client says nothing. Kinds that we do not
// know are refused: a client that names one relies on the comparison.
func expected(header string) (*storageapi.Checksums, error) {
	if header == "" {
		return nil, nil
	}
	kind, text, _ := strings.Cut(header, ":")
	kind = strings.ToUpper(strings.TrimSpace(kind))
	length, known := map[string]int{"SHA1": sha1.Size, "MD5": md5.Size, "ADLER32": adler32.Size}[kind]
	if !known {
		return nil, &davError{status: http.StatusBadRequest, message: "the checksum in OC-Checksum is of an unknown kind: SHA1, MD5 and ADLER32 can be verified"}
	}
	value, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(value) != length {
		return nil, &davError{status: http.StatusBadRequest, message: "the OC-Checksum header cannot be read"}
	}
	c := &storageapi.Checksums{}
	switch kind {
	case "SHA1":
		c.Sha1 = value
	case "MD5":
		c.Md5 = value
	case "ADLER32":
		c.Adler32 = value
	}
	return c, nil
}

// fits tells whether what arrived is what the client meant to send.
func fits(want, got *storageapi.Checksums) bool {
	same := func(want, got []byte) bool { return len(want) == 0 || bytes.Equal(want, got) }
	return same(want.GetSha1(), got.Sha1) && same(want.GetMd5(), got.Md5) && same(want.GetAdler32(), got.Adler32)
}
