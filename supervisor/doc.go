// Package supervisor keeps a set of services running, each as an operating-system process.
//
// It composes what the packages below it do: it takes the run lock, ends what a dead
// predecessor left, binds the sockets, builds the suture tree (a supervisor for each
// service, below it the service's instances), lets each service start the moment that
// what it needs is ready, and stops them in the reverse order.
//
// It knows declarations, and no particular service. Talking to people is left to
// package control and to the commands.
package supervisor
