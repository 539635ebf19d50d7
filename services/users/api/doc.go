// Package usersapi is the API of the users service, generated from users.proto, which
// says what the calls mean. It owns the messages, the client and the server's
// interface, and leaves all behaviour to package users.
package usersapi
