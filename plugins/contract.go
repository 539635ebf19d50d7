package plugins

import (
	"context"
	"errors"
	"fmt"
	"net/rpc"
	"time"

	"github.com/hashicorp/go-plugin"
)

// Description is a child's answer to Describe: who it is.
type Description struct {
	Protocol    int
	Service     string
	Version     string
	Instance    string
	Incarnation string
	Pid         int

	// Declaration is what the child knows of itself; children of older kits leave it empty.
	Declaration Declaration
}

// WaitReadyRequest bounds a WaitReady call.
type WaitReadyRequest struct {
	Timeout time.Duration
}

// ReadyReply lists the registry nodes that a ready child announces.
type ReadyReply struct {
	Nodes []Registration
}

// HealthRequest bounds a Health call.
type HealthRequest struct {
	Timeout time.Duration
}

// HealthReply is a child's own opinion of itself.
type HealthReply struct {
	Healthy  bool
	Message  string // why not
	Draining bool   // it was asked to end, by whomever, and accepts no more
}

// ShutdownRequest asks a child to drain and exit within Deadline.
type ShutdownRequest struct {
	Deadline time.Duration
}

// Empty is a call's or reply's missing content; net/rpc wants a type.
type Empty struct{}

// contract is the receiver that net/rpc exports: the child's end of the calls.
type contract struct {
	host *host
}

// Describe names the child. It answers at any time after the handshake.
func (c *contract) Describe(_ Empty, reply *Description) error {
	c.host.heard()
	*reply = c.host.description()
	return nil
}

// WaitReady blocks until the child is ready, or the time is over.
func (c *contract) WaitReady(request WaitReadyRequest, reply *ReadyReply) error {
	c.host.heard()
	ctx, cancel := context.WithTimeout(context.Background(), request.Timeout)
	defer cancel()
	nodes, err := c.host.waitReady(ctx)
	reply.Nodes = nodes
	return err
}

// Health asks the service how it is.
func (c *contract) Health(request HealthRequest, reply *HealthReply) error {
	c.host.heard()
	ctx, cancel := context.WithTimeout(context.Background(), request.Timeout)
	defer cancel()
	reply.Draining = c.host.draining()
	if err := c.host.health(ctx); err != nil {
		reply.Message = err.Error()
		return nil
	}
	reply.Healthy = true
	return nil
}

// Shutdown starts draining and returns at once; the process exits when it has drained.
func (c *contract) Shutdown(request ShutdownRequest, _ *Empty) error {
	c.host.heard()
	c.host.drain(request.Deadline)
	return nil
}

// Remote is the supervisor's end of the calls. net/rpc knows no deadlines, so each
// call returns when its context is done, and the late reply is dropped.
type Remote struct {
	client *rpc.Client
}

// Describe asks a child who it is.
func (r *Remote) Describe(ctx context.Context) (Description, error) {
	return call[Description](ctx, r.client, "Describe", Empty{})
}

// WaitReady blocks until the child is ready or ctx, which must have a deadline, is done.
func (r *Remote) WaitReady(ctx context.Context) ([]Registration, error) {
	// The child's patience is a little longer, so that it is ctx which ends the wait.
	reply, err := call[ReadyReply](ctx, r.client, "WaitReady", WaitReadyRequest{Timeout: remaining(ctx) + time.Second})
	return reply.Nodes, err
}

// Health asks a child how it is. An error means no answer, which is worse than a bad one:
// ErrDisconnected, or ctx's. The child has a part of the time that ctx leaves, so that a
// service which cannot say in time how it is says that, and is not taken for one that
// hangs.
func (r *Remote) Health(ctx context.Context) (HealthReply, error) {
	timeout := remaining(ctx) / 100 * healthShare
	return call[HealthReply](ctx, r.client, "Health", HealthRequest{Timeout: timeout})
}

// Shutdown asks a child to drain within deadline. It does not wait for the exit.
func (r *Remote) Shutdown(ctx context.Context, deadline time.Duration) error {
	_, err := call[Empty](ctx, r.client, "Shutdown", ShutdownRequest{Deadline: deadline})
	return err
}

// ErrDisconnected means that a call got no answer because the connection to the child is
// broken: the child has ended, or is no longer one that can be controlled.
var ErrDisconnected = errors.New("the connection to the child is broken")

// healthShare is how much of the time for a health check the service itself has, in
// percent. The rest is for the answer to arrive.
const healthShare = 80

// call makes one call. The reply is net/rpc's own until it says that it is complete: a late
// one may still be written to after the caller has gone.
func call[T any](ctx context.Context, client *rpc.Client, method string, request any) (T, error) {
	reply := new(T)
	done := client.Go("Plugin."+method, request, reply, make(chan *rpc.Call, 1)).Done
	select {
	case call := <-done:
		return *reply, failure(method, call.Error)
	case <-ctx.Done():
		return *new(T), fmt.Errorf("%s: no answer: %w", method, context.Cause(ctx))
	}
}

// failure tells what a child answered from what net/rpc says when the connection failed.
func failure(method string, err error) error {
	var answered rpc.ServerError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answered):
		return fmt.Errorf("%s: %w", method, err)
	}
	return fmt.Errorf("%s: %w: %w", method, ErrDisconnected, err)
}

func remaining(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return DefaultReadyTimeout
}

// Binding is the contract in the form that go-plugin takes. A supervisor uses the
// zero value: Client, of what Dispense returns, is a *Remote.
type Binding struct {
	host *host
}

// Server implements plugin.Plugin: the child's end.
func (b *Binding) Server(*plugin.MuxBroker) (any, error) {
	b.host.connected()
	return &contract{host: b.host}, nil
}

// Client implements plugin.Plugin: the supervisor's end.
func (*Binding) Client(_ *plugin.MuxBroker, client *rpc.Client) (any, error) {
	return &Remote{client: client}, nil
}
