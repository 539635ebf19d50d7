// Package config reads the settings of a process: flags over environment over
// ocis.yaml over defaults.
//
// It owns the base paths, the loading of a settings struct from its tags, and the
// wording of errors: one line that names the key, the value, where it came from and
// what is allowed. It leaves to each service which settings it has.
//
// It does not watch for changes: a process reads its settings once.
package config
