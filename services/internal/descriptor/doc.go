// Package descriptor hands an open file from one process to another over a unix
// socket (SCM_RIGHTS, unix(7)) against a one-time ticket.
//
// It owns tickets, the two ends of the socket, and what a closed connection means: a
// descriptor that was lent is given back when its connection ends, however the
// borrower ended. That is how a killed writer is noticed at once.
//
// It leaves to others how a ticket gets to whoever may use it, and what the file is.
// It cannot take a descriptor back: who has it can use it as long as it likes.
//
// The exchange, any number of times over one connection: the client sends the ticket's
// TicketSize bytes; the server answers one status byte, with the descriptor when it
// is statusGranted.
package descriptor

// TicketSize is the length of a ticket in bytes.
const TicketSize = 16

const (
	statusGranted byte = 0
	statusRefused byte = 1 // unknown, used or expired
)
