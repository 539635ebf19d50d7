package webdav

import (
	"math"
	"strconv"
	"strings"
)

// normalRange returns a Range header as net/http takes it for a content of that size, or ""
// when it is to be ignored: it is of another unit than bytes, or makes no sense (RFC 9110,
// section 14.2). A number may be larger than any content, which net/http takes for an error,
// and a suffix of no bytes cannot be satisfied, which it does not notice.
func normalRange(header string, size uint64) string {
	unit, set, ok := strings.Cut(header, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return ""
	}
	var kept []string
	valid := false
	for spec := range strings.SplitSeq(set, ",") {
		if spec = strings.TrimSpace(spec); spec == "" {
			continue
		}
		normal, satisfiable, ok := normalRangeSpec(spec)
		if !ok {
			return ""
		}
		valid = true
		if satisfiable {
			kept = append(kept, normal)
		}
	}
	switch {
	case !valid:
		return ""
	case len(kept) == 0: // what begins behind the end cannot be satisfied either
		return "bytes=" + strconv.FormatUint(size, 10) + "-"
	}
	return "bytes=" + strings.Join(kept, ",")
}

// normalRangeSpec reads "first-last", "first-" or "-length".
func normalRangeSpec(spec string) (normal string, satisfiable, ok bool) {
	from, to, ok := strings.Cut(spec, "-")
	first, hasFirst, okFirst := position(from)
	last, hasLast, okLast := position(to)
	if !ok || !okFirst || !okLast || !hasFirst && !hasLast {
		return "", false, false
	}
	switch {
	case !hasFirst:
		return "-" + strconv.FormatInt(last, 10), last > 0, true
	case !hasLast:
		return strconv.FormatInt(first, 10) + "-", true, true
	}
	return strconv.FormatInt(first, 10) + "-" + strconv.FormatInt(last, 10), true, first <= last
}

// position reads a number of bytes; one that is too large becomes the largest.
func position(text string) (n int64, is, ok bool) {
	if text = strings.TrimSpace(text); text == "" {
		return 0, false, true
	}
	if strings.Trim(text, "0123456789") != "" {
		return 0, false, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		n = math.MaxInt64
	}
	return n, true, true
}
