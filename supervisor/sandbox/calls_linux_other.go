//go:build linux && !amd64

package sandbox

// refusedHere are calls that only some architectures have.
var refusedHere []uint32
