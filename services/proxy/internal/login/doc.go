// Package login finds out who makes a request with a name and a password.
//
// It owns how long an answer of the users service is remembered, how fast wrong tries
// are let through to it, and the internal tokens that go on with the request. It leaves
// to the users service whether a password is right.
//
// Passwords are not kept: what is remembered is found by a keyed hash, whose key lives
// in this process only. A password that was changed is still accepted until Forget is
// called, or its memory ends, a minute later.
package login
