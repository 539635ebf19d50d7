//go:build linux && race

package sandbox

// raceDetector: it reserves terabytes, and no limit of a process's memory goes with it.
const raceDetector = true
