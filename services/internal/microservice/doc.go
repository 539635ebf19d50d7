// Package microservice turns a service of the family into a go-micro service.
//
// It owns the wiring that is the same for all: a gRPC or HTTP server on the socket
// that the child was given, its entry in the registry, draining, logs, and the client
// with which a service calls the others.
//
// It leaves to the service what is served and who may call it. It does not retry
// calls: only the caller knows whether a call may be repeated.
package microservice
