package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/thejerf/suture/v4"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/instance"
	"github.com/owncloud/ocis-runtime/supervisor/program"
	"github.com/owncloud/ocis-runtime/supervisor/sockets"
)

// service is one service: its instances and the sockets that they share.
type service struct {
	supervisor  *Supervisor
	declaration plugins.Declaration
	program     program.Program // what its children execute
	wanted      bool            // in the run set
	sockets     *sockets.Held
	ready       chan struct{} // closed when one of its instances was ready for the first time
	readyOnce   sync.Once
	settled     chan struct{} // closed when one was ready, or has failed to become so
	settleOnce  sync.Once

	scaling chan struct{} // has room for one: who changes the number of instances
	telling sync.Mutex    // held while the registry is told whether it is stopped
	stopped bool          // what it was told

	mu        sync.Mutex
	instances []*instance.Instance // NAME-1, NAME-2, …; never empty
	branch    *suture.Supervisor   // nil: Serve has not begun
	tokens    map[*instance.Instance]suture.ServiceToken
}

func newService(s *Supervisor, declaration plugins.Declaration, wanted bool) (*service, error) {
	executed, ok := s.options.Programs[declaration.Name]
	if !ok {
		return nil, fmt.Errorf("nothing is known that service %s executes", declaration.Name)
	}
	return &service{
		supervisor: s, declaration: declaration, program: executed, wanted: wanted,
		sockets: sockets.New(declaration.Name, declaration.Sockets), ready: make(chan struct{}), settled: make(chan struct{}), scaling: make(chan struct{}, 1),
		tokens: map[*instance.Instance]suture.ServiceToken{},
	}, nil
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
	err := branch.RemoveAndWait(token, treeTimeout)
	if err == nil {
		svc.supervisor.memory.forget(last.String())
	}
	return err
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
		Observer:       &observer{supervisor: s, service: svc, events: sequence{history: s.history}},
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

// logPath returns the file that the output of an instance goes to: the first one's bears the
// name of the service.
func (svc *service) logPath(instance string) string {
	if instance == svc.declaration.Name+"-1" {
		instance = svc.declaration.Name
	}
	return svc.supervisor.options.Paths.Log(instance)
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

// fromBest are the states of an instance, the best for its service first.
var fromBest = []client.Status{
	client.StatusReady, client.StatusUnhealthy, client.StatusStarting, client.StatusBackoff,
	client.StatusStopping, client.StatusFailed, client.StatusStopped,
}

// status is the service's as a whole: it is as good as its best instance.
func (svc *service) status() client.Status {
	var statuses []client.Status
	for _, i := range svc.all() {
		statuses = append(statuses, i.Snapshot().Status)
	}
	return slices.MinFunc(statuses, func(x, y client.Status) int {
		return slices.Index(fromBest, x) - slices.Index(fromBest, y)
	})
}

// maxReplicas bounds a mistake.
const maxReplicas = 64

// ReplicasError is returned for a number of instances that no service may have.
type ReplicasError struct {
	Service  string
	Replicas int
}

// Error implements error.
func (e *ReplicasError) Error() string {
	return fmt.Sprintf("%s=%d: 1 to %d instances are possible; `ocis kill %s` stops a service", e.Service, e.Replicas, maxReplicas, e.Service)
}

// CheckReplicas tells whether a service may have so many instances; one that is a singleton
// owns its data alone. It returns *ReplicasError for what no service may have.
func CheckReplicas(service string, singleton bool, replicas int) error {
	switch {
	case replicas < 1 || replicas > maxReplicas:
		return &ReplicasError{Service: service, Replicas: replicas}
	case singleton && replicas > 1:
		return fmt.Errorf("%s=%d: %s owns its data alone and must not run twice", service, replicas, service)
	}
	return nil
}

// scale adds instances and waits until they are ready, or drains and removes the last ones.
func (svc *service) scale(ctx context.Context, replicas int) error {
	if err := CheckReplicas(svc.declaration.Name, svc.declaration.Singleton, replicas); err != nil {
		return err
	}
	select {
	case svc.scaling <- struct{}{}:
		defer func() { <-svc.scaling }()
	case <-ctx.Done():
		return fmt.Errorf("scale %s: somebody else does it just now: %w", svc.declaration.Name, context.Cause(ctx))
	}
	instances := svc.all()
	if replicas < len(instances) {
		return svc.shrink(ctx, instances[replicas:])
	}
	wanted := instances[0].Snapshot().Wanted
	var added []*instance.Instance
	for range replicas - len(instances) {
		added = append(added, svc.add(wanted))
	}
	if !wanted {
		return nil
	}
	return each(added, func(i *instance.Instance) error { return i.Run(ctx) })
}

// shrink drains and removes the last instances. What it has begun it ends, also when the
// caller goes: what still drains then is ended at once.
func (svc *service) shrink(ctx context.Context, extra []*instance.Instance) error {
	late := each(extra, func(i *instance.Instance) error {
		err := i.Kill(ctx)
		if err == nil {
			return nil
		}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), treeTimeout)
		defer cancel()
		return errors.Join(err, i.Abort(ending))
	})
	for range extra {
		if err := svc.removeLast(); err != nil {
			return errors.Join(late, fmt.Errorf("scale %s: %w", svc.declaration.Name, err))
		}
	}
	return late
}
