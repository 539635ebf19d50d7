//go:build linux && !amd64 && !arm

package sandbox

// What only some architectures have: calls, and those that are refused at times.
var (
	refusedHere []uint32
	deniedHere  []call
)
