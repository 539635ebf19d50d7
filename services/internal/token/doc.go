// Package token is the internal access token: a short-lived Ed25519 signature of who
// asks, with which services of the family recognize each other's requests.
//
// It owns the format (a JWT, RFC 7519, signed as RFC 8037 section 3.1 says), its
// lifetime, and the middleware that refuses HTTP and gRPC requests without a valid one.
// It leaves to each service what a caller may do.
//
// A token cannot be revoked: whoever has one can use it until it expires. Only those who
// sign need the signing key; the verifying key is no secret.
package token
