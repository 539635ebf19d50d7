// Package usersapi is the API of the users service, generated from users.proto, which
// says what the calls mean. It owns the messages, the client and the server's
// interface, and leaves all behaviour to package users.
package usersapi

// ChangedSubject is where the service tells over NATS that a user was deleted or has
// another password; the message is the user's id. It is told once, to who listens.
const ChangedSubject = "users.changed"
