// Package picture makes a preview of a picture's file.
//
// It owns the formats: what a header says, how much memory the rest will take, how a file is
// decoded, turned, scaled and written. It knows each decoder by name, and registers none.
//
// It leaves to its user the limits, and what a decoder may do to the process: decoders read
// what strangers made. A decoder cannot be interrupted. What Cost says is an estimate for
// files that keep to their format.
package picture
