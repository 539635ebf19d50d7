package instance

import (
	"fmt"
	"slices"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// replace starts another child: beside the present one where that is possible, else when
// the present one has drained.
func (k *keeper) replace() error {
	present, status := k.current, k.now.Status
	if status == client.StatusStopping && !k.now.Wanted {
		return fmt.Errorf("%s is being stopped; start it with `ocis run` when it has", k.now.Name)
	}
	k.want()
	serves := status == client.StatusReady || status == client.StatusUnhealthy
	switch {
	case k.successor != nil: // one is on its way
	case serves && !k.options.Declaration.Singleton:
		return k.startSuccessor()
	case present != nil && status != client.StatusStopping:
		k.stopAll("drains before it is restarted", k.stopGrace())
	}
	return nil
}

// startSuccessor starts the child that is to take over.
func (k *keeper) startSuccessor() error {
	r, err := k.launch()
	if err != nil {
		k.end(r)
		exit := r.notStarted(err)
		k.record(r, exit, goesOn)
		return fmt.Errorf("%s was not replaced: it %s; %s", k.now.Name, r.reason, goesOn)
	}
	k.successor = r
	k.now.Successor = r.incarnation
	k.publish(k.now)
	return nil
}

// goesOn is what follows when a child that was to take over has failed.
const goesOn = "the one before it goes on"

// takeOver makes the successor, which is ready, the present child, and drains the other
// one. First it is told, so that nobody looks for the one that goes.
func (k *keeper) takeOver(nodes []plugins.Registration) {
	before := k.current
	k.current = k.successor
	k.clearSuccessor()
	k.show(k.current)
	k.now.Nodes = nodes
	k.drains(before)
	k.become(replaced, fmt.Sprintf("took over from process %d", before.pid()))
	k.scheduleHealth()
	k.drain(before, k.stopGrace())
}

// letGo starts another child at once when one drains although nobody asked it here to, such as
// one that somebody sent SIGTERM: it accepts no more. It has its grace, like any other.
func (k *keeper) letGo(r *run) {
	grace := k.stopGrace()
	k.helpers.Go(func() { r.child.Stop(k.serving, grace) })
	k.current = nil
	k.now.Pid, k.now.Nodes = 0, nil
	k.failures = 0
	if k.successor != nil {
		k.promote("the one before it drains")
	} else {
		k.become(endedNow, "the one before it drains")
		k.execute()
	}
	k.drains(r)
	k.publish(k.now)
}

// drains shows a child that drains beside the present one, which has replaced it.
func (k *keeper) drains(r *run) {
	process := Process{Pid: r.pid(), Incarnation: r.incarnation, Started: r.started, ReplacedBy: k.now.Incarnation}
	k.now.Draining = append(slices.Clip(k.now.Draining), process) // others hold the slice
}

// drained shows no more of a child that has drained.
func (k *keeper) drained(r *run) {
	k.now.Draining = slices.DeleteFunc(slices.Clone(k.now.Draining), func(p Process) bool { return p.Incarnation == r.incarnation })
	k.publish(k.now)
}

// promote makes a successor that is not ready yet the present child.
func (k *keeper) promote(why string) {
	k.current = k.successor
	k.clearSuccessor()
	k.show(k.current)
	k.become(endedNow, why)
}

func (k *keeper) clearSuccessor() { k.successor, k.now.Successor = nil, "" }

// dropSuccessor kills a child that is not needed any more.
func (k *keeper) dropSuccessor() {
	if k.successor != nil {
		k.successor.asked, k.successor.dropped = true, true
		k.successor.child.Kill()
		k.clearSuccessor()
	}
}
