package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/thejerf/suture/v4"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/instance"
	"github.com/owncloud/ocis-runtime/supervisor/sockets"
)

// service is one service: its instances and the sockets that they share.
type service struct {
	supervisor  *Supervisor
	declaration plugins.Declaration
	wanted      bool // in the run set
	sockets     *sockets.Held
	ready       chan struct{} // closed when one of its instances was ready for the first time
	readyOnce   sync.Once
	settled     chan struct{} // closed when one was ready, or has failed to become so
	settleOnce  sync.Once

	scaling sync.Mutex // held while instances come and go
	telling sync.Mutex // held while the registry is told whether it is stopped
	stopped bool       // what it was told

	mu        sync.Mutex
	instances []*instance.Instance // NAME-1, NAME-2, …; never empty
	branch    *suture.Supervisor   // nil: Serve has not begun
	tokens    map[*instance.Instance]suture.ServiceToken
}

func newService(s *Supervisor, declaration plugins.Declaration, wanted bool) *service {
	return &service{
		supervisor: s, declaration: declaration, wanted: wanted,
		sockets: sockets.New(declaration.Name, declaration.Sockets), ready: make(chan struct{}), settled: make(chan struct{}),
		tokens: map[*instance.Instance]suture.ServiceToken{},
	}
}

// all returns the present instances.
func (svc *service) all() []*instance.Instance {
	svc.mu.Lock()
	defer svc.mu.Unlock()
	return append([]*instance.Instance(nil), svc.instances...)
}

// add makes one more instance, and lets it run once the tree is there.
func (svc *service) add(autostart bool) *instance.Instance {
	svc.mu.Lock()
	defer svc.mu.Unlock()
	i := instance.New(svc.instanceOptions(len(svc.instances)+1, autostart))
	svc.instances = append(svc.instances, i)
	if svc.branch != nil {
		svc.tokens[i] = svc.branch.Add(i)
	}
	return i
}

// grow puts the instances below a supervisor of their own.
func (svc *service) grow(branch *suture.Supervisor) {
	svc.mu.Lock()
	defer svc.mu.Unlock()
	svc.branch = branch
	for _, i := range svc.instances {
		svc.tokens[i] = branch.Add(i)
	}
}

// removeLast forgets the last instance, which must be stopped.
func (svc *service) removeLast() error {
	svc.mu.Lock()
	last := svc.instances[len(svc.instances)-1]
	svc.instances = svc.instances[:len(svc.instances)-1]
	token := svc.tokens[last]
	delete(svc.tokens, last)
	branch := svc.branch
	svc.mu.Unlock()
	return branch.RemoveAndWait(token, treeTimeout)
}

func (svc *service) instanceOptions(number int, autostart bool) instance.Options {
	s := svc.supervisor
	needs := s.neededFrom(svc)
	name := fmt.Sprintf("%s-%d", svc.declaration.Name, number)
	return instance.Options{
		Name:           name,
		Declaration:    svc.declaration,
		Autostart:      autostart,
		Needs:          func() <-chan struct{} { return s.allSettled(needs) },
		NeedsText:      strings.Join(needs, ", "),
		Spec:           svc.specOf(name),
		Slots:          s.slots,
		HealthInterval: s.options.Settings.HealthInterval,
		HealthTimeout:  s.options.Settings.HealthTimeout,
		Backoff:        s.options.Settings.backoff(),
		Random:         rand.Float64,
		Observer:       &observer{supervisor: s, service: svc},
	}
}

// tellStopped tells the registry whether anybody will come to the service's sockets. A
// restart, which keeps them, is not held up.
func (svc *service) tellStopped() {
	registrar := svc.supervisor.options.Registrar
	if registrar == nil {
		return
	}
	svc.telling.Lock() // so that what is told last is what is true
	defer svc.telling.Unlock()
	if stopped := !svc.sockets.Bound(); stopped != svc.stopped {
		svc.stopped = stopped
		registrar.SetStopped(svc.declaration.Name, stopped)
	}
}

// shortName is how people see an instance: as the service, as long as there is one.
func (svc *service) shortName(instance string) string {
	if len(svc.all()) == 1 {
		return svc.declaration.Name
	}
	return instance
}

// each calls do for all instances at the same time and waits.
func each(instances []*instance.Instance, do func(*instance.Instance) error) error {
	problems := make([]error, len(instances))
	var doing sync.WaitGroup
	for n, i := range instances {
		doing.Go(func() { problems[n] = do(i) })
	}
	doing.Wait()
	return errors.Join(problems...)
}

// status is the service's as a whole: it is as good as its best instance.
func (svc *service) status() client.Status {
	instances := svc.all()
	best := instances[0].Snapshot().Status
	for _, i := range instances[1:] {
		if status := i.Snapshot().Status; status == client.StatusReady {
			best = status
		}
	}
	return best
}

// failed tells whether no instance runs or will.
func (svc *service) failed() bool {
	for _, i := range svc.all() {
		if i.Snapshot().Status != client.StatusFailed {
			return false
		}
	}
	return true
}

// maxReplicas bounds a mistake.
const maxReplicas = 64

// checkReplicas tells whether a service may have so many instances.
func checkReplicas(d plugins.Declaration, replicas int) error {
	switch {
	case replicas < 1 || replicas > maxReplicas:
		return fmt.Errorf("%s=%d: 1 to %d instances are possible; `ocis kill %s` stops a service", d.Name, replicas, maxReplicas, d.Name)
	case d.Singleton && replicas > 1:
		return fmt.Errorf("%s=%d: %s owns its data alone and must not run twice", d.Name, replicas, d.Name)
	}
	return nil
}

// scale adds instances and waits until they are ready, or drains and removes the last ones.
func (svc *service) scale(ctx context.Context, replicas int) error {
	if err := checkReplicas(svc.declaration, replicas); err != nil {
		return err
	}
	svc.scaling.Lock()
	defer svc.scaling.Unlock()
	instances := svc.all()
	for _, extra := range instances[min(replicas, len(instances)):] {
		if err := extra.Kill(ctx); err != nil {
			return err
		}
	}
	for range len(instances) - replicas {
		if err := svc.removeLast(); err != nil {
			return fmt.Errorf("scale %s: %w", svc.declaration.Name, err)
		}
	}
	wanted := instances[0].Snapshot().Wanted
	for range replicas - len(instances) {
		svc.add(wanted)
	}
	if !wanted {
		return nil
	}
	return each(svc.all(), func(i *instance.Instance) error { return i.Run(ctx) })
}
