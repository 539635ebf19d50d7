package config

import "slices"

// Nearest returns the known name that a mistyped one most likely means; ok is false
// when none is near.
func Nearest(name string, known []string) (nearest string, ok bool) {
	best := len(name)/3 + 2
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		if d := distance(name, candidate); d < best {
			best, nearest = d, candidate
		}
	}
	return nearest, nearest != ""
}

// distance counts the insertions, removals and replacements of bytes between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
