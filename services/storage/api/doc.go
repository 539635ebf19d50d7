// Package storageapi is the API of the storage service, generated from storage.proto,
// which says what the calls mean. It owns the messages, the client and the server's
// interface, and leaves all behaviour to package storage.
package storageapi
