package supervisor

import (
	"context"
	"slices"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/instance"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

// List returns all instances, by service, and behind each its processes that were replaced
// and still drain.
func (s *Supervisor) List() []client.Instance {
	instances := make([]client.Instance, 0, len(s.services))
	for _, name := range s.graph.Names() {
		for _, i := range s.services[name].all() {
			instances = append(instances, s.describe(i.Snapshot(), false)...)
		}
	}
	return instances
}

// Wanted returns the declarations of the run set.
func (s *Supervisor) Wanted() []plugins.Declaration {
	var wanted []plugins.Declaration
	for _, name := range s.graph.Names() {
		if svc := s.services[name]; svc.wanted {
			wanted = append(wanted, svc.declaration)
		}
	}
	return wanted
}

// recentLines is how many log lines the status of a service shows.
const recentLines = 10

// Status returns one service in full, or what of it concerns one instance.
func (s *Supervisor) Status(ctx context.Context, name string) (client.Service, error) {
	svc, instances, err := s.targets(ctx, name)
	if err != nil {
		return client.Service{}, err
	}
	d := svc.declaration
	name = d.Name
	status := client.Service{
		Name: d.Name, Version: d.Version, Summary: d.Summary,
		Needs: emptyNotNull(s.graph.Needs(name)), NeededBy: emptyNotNull(s.graph.NeededBy(name)),
		Sockets: describeSockets(svc), Restart: string(d.Restart), Essential: d.Essential, Singleton: d.Singleton,
		LogPath:   svc.logPath(instances[0].String()),
		Replicas:  len(svc.all()),
		Instances: []client.Instance{},
		Exits:     []client.Exit{},
		LogTail:   []client.LogLine{},
		Memory:    s.memory.describe(svc),
		Isolation: svc.describeIsolation(),
	}
	for _, i := range instances {
		status.Instances = append(status.Instances, s.describe(i.Snapshot(), true)...)
		status.Exits = append(status.Exits, s.state.Exits(i.String())...)
		for _, line := range logfile.Tail(svc.logPath(i.String()), max(1, recentLines/len(instances))) {
			status.LogTail = append(status.LogTail, client.LogLine{Service: svc.shortName(i.String()), Line: line})
		}
	}
	slices.SortStableFunc(status.Exits, func(x, y client.Exit) int { return y.At.Compare(x.At) })
	if status.Restart == "" {
		status.Restart = string(plugins.RestartAlways)
	}
	return status, nil
}

// Tree says who needs whom, what is needed first.
func (s *Supervisor) Tree() []client.TreeNode {
	nodes := make([]client.TreeNode, 0, len(s.services))
	for _, name := range s.graph.Order() {
		nodes = append(nodes, client.TreeNode{
			Service: name, Needs: emptyNotNull(s.graph.Needs(name)), NeededBy: emptyNotNull(s.graph.NeededBy(name)),
			Status: s.services[name].status(),
		})
	}
	return nodes
}

// replacedMessage says why there is one more row of an instance.
const replacedMessage = "was replaced, and finishes what it has"

// describe joins what the instance knows with what the kernel and the records say. The first
// row is the present process's, the others are of those that were replaced and still drain.
func (s *Supervisor) describe(now instance.Snapshot, withPSS bool) []client.Instance {
	present := client.Instance{
		Service: now.Service, Instance: now.Name, Status: now.Status, Pid: now.Pid, Incarnation: now.Incarnation,
		Restarts: now.Restarts, Node: s.options.Node, Message: now.Message, LastExit: s.lastExit(now.Name),
	}
	if !now.NextStart.IsZero() {
		present.NextStart = &now.NextStart
	}
	rows := []client.Instance{present}
	s.measure(&rows[0], now.Started, withPSS)
	for _, process := range now.Draining {
		row := present
		row.Status, row.Message, row.NextStart = client.StatusStopping, replacedMessage, nil
		row.Pid, row.Incarnation, row.ReplacedBy = process.Pid, process.Incarnation, process.ReplacedBy
		s.measure(&row, process.Started, withPSS)
		rows = append(rows, row)
	}
	return rows
}

// measure fills in what a row's process takes, may take, and may see.
func (s *Supervisor) measure(row *client.Instance, started time.Time, withPSS bool) {
	if row.Pid != 0 {
		row.UptimeSeconds = time.Since(started).Seconds()
		if usage, err := process.UsageOf(row.Pid, withPSS); err == nil {
			row.RSSBytes, row.PSSBytes, row.CPUSeconds = usage.RSSBytes, usage.PSSBytes, usage.CPUSeconds
		}
	}
	row.Isolated, row.Isolation = s.howIsolated(row.Incarnation)
	if s.open() {
		row.MemoryLimitBytes = s.memory.hardBytes(row.Incarnation)
	}
}

// lastExit returns the newest record of an instance, without the last lines; nil: there is none.
func (s *Supervisor) lastExit(name string) *client.Exit {
	if !s.open() {
		return nil
	}
	exits := s.state.Exits(name)
	if len(exits) == 0 {
		return nil
	}
	last := exits[0]
	last.LastLines = nil
	return &last
}

// open tells whether the records and the budget are.
func (s *Supervisor) open() bool {
	select {
	case <-s.serving:
		return true
	default:
		return false
	}
}

// Sockets returns a service's sockets as they are now; none: there is no such service. Unlike
// the other reports it can be had while Serve calls open.
func (s *Supervisor) Sockets(name string) []client.Socket {
	if svc := s.services[name]; svc != nil {
		return describeSockets(svc)
	}
	return nil
}

func describeSockets(svc *service) []client.Socket {
	held := svc.sockets.Bound()
	described := make([]client.Socket, 0, len(svc.declaration.Sockets))
	for _, socket := range svc.sockets.Sockets() {
		described = append(described, client.Socket{Name: socket.Name, Network: socket.Network, Address: socket.Address, Held: held})
	}
	return described
}

// emptyNotNull makes an empty list of a missing one, for JSON.
func emptyNotNull[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
