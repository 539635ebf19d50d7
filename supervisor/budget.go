package supervisor

import (
	"math"
	"runtime/debug"
	"sync"

	"github.com/owncloud/ocis-runtime/supervisor/cgroup"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/memory"
)

// budget keeps the runtime and its children within what they may take: of memory all of
// them, of the rest those that are isolated.
type budget struct {
	supervisor *Supervisor
	total      memory.Limit // of 0 bytes: not known, and nothing is limited
	groups     *cgroup.Groups

	mu      sync.Mutex
	placed  map[string]*cgroup.Group // by incarnation: the groups of children that have not ended
	amiss   map[string]error         // by instance: why the memory of its last child has no hard limit
	waiting map[string]cgroup.Limits // by instance: spare groups that are to be made; nil: at once
}

// openBudget finds out what the machine allows, and removes what a dead predecessor left
// of control groups. The run lock is held, and the predecessor's children have ended.
func (s *Supervisor) openBudget() *budget {
	b := &budget{
		supervisor: s, total: memory.Limit{Bytes: uint64(s.options.Settings.MemoryLimit), From: "as configured"},
		groups: cgroup.Open(s.options.Paths.Run), placed: map[string]*cgroup.Group{}, amiss: map[string]error{},
		waiting: map[string]cgroup.Limits{},
	}
	if b.total.Bytes == 0 {
		machine, err := memory.Machine()
		if err != nil {
			s.log.WithError(err).Warn("no memory is limited")
			return b
		}
		b.total = machine.Default()
	}
	own := b.split(nil).Supervisor
	if len(own.Environ(s.options.Environ)) > 0 { // no GOMEMLIMIT was set by hand
		debug.SetMemoryLimit(int64(min(own.SoftBytes, math.MaxInt64)))
	}
	return b
}

// say tells what applies.
func (b *budget) say() {
	if b.total.Bytes == 0 {
		return
	}
	split := b.split(nil)
	log, support := b.supervisor.log, b.groups.Support(cgroup.Memory)
	text := "hard limits by " + string(support.By)
	if support.By == cgroup.ByNone {
		text = "no hard limits: " + support.Reason
	}
	log.Infof("memory: %d MiB for all, %s; %s", b.total.Bytes>>20, b.total.From, text)
	if split.MissingBytes > 0 {
		log.Warnf("memory: the least for each service is %d MiB more than that: set OCIS_MEMORY_LIMIT to more, or run fewer", split.MissingBytes>>20)
	}
}

// split divides the budget among the run set and, when it is not in it, the service also.
func (b *budget) split(also *service) memory.Budget {
	s := b.supervisor
	claims := make([]memory.Claim, 0, len(s.services))
	for name, svc := range s.services {
		if svc.wanted || svc == also {
			claims = append(claims, memory.Claim{Service: name, Weight: svc.declaration.MemoryWeight, Instances: len(svc.all())})
		}
	}
	return memory.Split(b.total.Bytes, claims)
}

// share returns what each instance of a service may take that is started now.
func (b *budget) share(svc *service) memory.Share {
	if b.total.Bytes == 0 {
		return memory.Share{}
	}
	return b.split(svc).Instances[svc.declaration.Name].Chosen(b.supervisor.options.Environ)
}

// enter returns the group for a new child; nil: there is none.
func (b *budget) enter(instance, incarnation string, limits cgroup.Limits) *cgroup.Group {
	group := b.groups.Take(instance, limits)
	if group != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.placed[incarnation] = group
	}
	return group
}

// entered is called when a child is born.
func (b *budget) entered(instance string, group *cgroup.Group, limits cgroup.Limits) {
	b.spare(instance, limits)
	if group == nil {
		return
	}
	for _, c := range []cgroup.Controller{cgroup.Memory, cgroup.Tasks, cgroup.CPU} {
		if err := group.Without(c); err != nil && b.groups.Support(c).By != cgroup.ByNone {
			b.supervisor.log.WithField("instance", instance).WithError(err).Warnf("it has no hard limit of %s", c)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.amiss[instance] = group.Without(cgroup.Memory)
}

// spare makes the next child's group beside the start of this one, so that it costs a restart
// nothing. While the whole run set starts, it can wait.
func (b *budget) spare(instance string, limits cgroup.Limits) {
	b.mu.Lock()
	wait := b.waiting != nil
	if wait {
		b.waiting[instance] = limits
	}
	b.mu.Unlock()
	if !wait {
		b.groups.Spare(instance, limits)
	}
}

// makeSpares makes the groups that can wait until the run set has started, and lets no more
// of them wait. It returns early when the runtime ends.
func (b *budget) makeSpares() {
	s := b.supervisor
	select {
	case <-s.settled:
	case <-s.aborted.Done():
		return
	}
	b.mu.Lock()
	waiting := b.waiting
	b.waiting = nil
	b.mu.Unlock()
	for instance, limits := range waiting {
		if s.aborted.Err() != nil {
			return
		}
		b.groups.Spare(instance, limits)
	}
}

// kills returns how many processes of a child's group the kernel killed for want of memory.
func (b *budget) kills(incarnation string) uint64 {
	if group := b.group(incarnation); group != nil {
		return group.Kills()
	}
	return 0
}

// leave gives the group of a child back that has ended, and ends what is left in it.
func (b *budget) leave(incarnation string) error {
	group := b.group(incarnation)
	if group == nil {
		return nil
	}
	b.mu.Lock()
	delete(b.placed, incarnation)
	b.mu.Unlock()
	return group.Release()
}

// forget drops what is kept for an instance that is gone.
func (b *budget) forget(instance string) {
	b.groups.Forget(instance)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.amiss, instance)
}

func (b *budget) group(incarnation string) *cgroup.Group {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.placed[incarnation]
}

// hardBytes returns the limit that a running child has; 0: none.
func (b *budget) hardBytes(incarnation string) uint64 {
	group := b.group(incarnation)
	if group == nil || group.Without(cgroup.Memory) != nil {
		return 0
	}
	return group.Limits().HardBytes
}

// describe says what applies to a service.
func (b *budget) describe(svc *service) client.Memory {
	share, support := b.share(svc), b.groups.Support(cgroup.Memory)
	described := client.Memory{SoftBytes: share.SoftBytes, HardBytes: share.HardBytes, HardBy: string(support.By), Reason: support.Reason}
	b.mu.Lock()
	for _, i := range svc.all() {
		if err := b.amiss[i.String()]; err != nil {
			described.HardBy, described.Reason = string(cgroup.ByNone), err.Error()
		}
	}
	b.mu.Unlock()
	if described.HardBy == string(cgroup.ByNone) {
		described.HardBytes = 0
	}
	return described
}
