// Package password hashes and verifies passwords with argon2id (RFC 9106).
//
// It owns the parameters, the text form of a hash, and the bound on how much memory and
// processor time verifying may take at once. It never keeps a password.
//
// It does not count or delay wrong attempts: only the caller knows who makes them.
package password
