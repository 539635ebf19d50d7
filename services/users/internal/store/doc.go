// Package store keeps accounts and groups in one bbolt file.
//
// It owns the records, their uniqueness and their consistency: each change is one
// transaction that is on disk when the call returns. It leaves to others which names and
// passwords are acceptable, who may change what, and how passwords are hashed.
package store
