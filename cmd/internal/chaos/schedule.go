package chaos

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Signals are what a child can be hit with: what ends a process, at once (SIGKILL),
// with its last words (SIGSEGV) or in order (SIGTERM), and what hangs it (SIGSTOP).
func Signals() []string { return []string{"SIGKILL", "SIGSTOP", "SIGSEGV", "SIGTERM"} }

// ParseSignal reads "SIGKILL", "kill" or "KILL" for one of Signals.
func ParseSignal(name string) (string, error) {
	full := "SIG" + strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(name)), "SIG")
	if !slices.Contains(Signals(), full) {
		return "", fmt.Errorf("%q is no signal to hit a service with: use %s", name, strings.Join(Signals(), ", "))
	}
	return full, nil
}

// minEvery keeps a run from being one long crash loop.
const minEvery = 100 * time.Millisecond

// Plan is what a schedule is made of. The order of services and signals, and names that
// stand there twice, make no difference.
type Plan struct {
	Seed     uint64
	Services []string
	Signals  []string      // some of Signals
	Every    time.Duration // one hit in each interval of this length
	For      time.Duration // hits come until then
}

// Check reports what is wrong with the times of a plan.
func (p Plan) Check() error {
	switch {
	case p.Every < minEvery:
		return fmt.Errorf("--every %s is too often: use %s or more", p.Every, minEvery)
	case p.For < p.Every:
		return fmt.Errorf("--for %s is shorter than --every %s: nothing would be hit", p.For, p.Every)
	}
	return nil
}

// Span is a duration that programs read in seconds.
type Span time.Duration

// MarshalJSON implements json.Marshaler.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// Hit is one hit of a schedule.
type Hit struct {
	Number  int    `json:"number"`     // from 1
	After   Span   `json:"at_seconds"` // the start of the run
	Service string `json:"service"`
	Signal  string `json:"signal"`
	// Draw chooses among the service's instances: how many there are is known when the
	// time has come, and not before.
	Draw uint64 `json:"-"`
}

// Schedule returns the hits of a plan, by time. It is a pure function: the same plan has
// the same schedule on every machine. There is one hit in each interval, at a random
// moment of it, and each service and each signal gets its turn as often as any other.
func (p Plan) Schedule() []Hit {
	source := rand.NewPCG(p.Seed, 0) // its own numbers: what rand.Rand makes of them may change
	services, signals := newBag(source, p.Services), newBag(source, p.Signals)
	var hits []Hit
	for start := time.Duration(0); start < p.For; start += p.Every {
		hit := Hit{
			Number:  len(hits) + 1,
			After:   Span(start + time.Duration(source.Uint64()%uint64(p.Every))),
			Service: services.next(),
			Signal:  signals.next(),
			Draw:    source.Uint64(),
		}
		if time.Duration(hit.After) < p.For { // the last interval may be cut off
			hits = append(hits, hit)
		}
	}
	return hits
}

// A bag gives out its words in random order, each once before any again.
type bag struct {
	source *rand.PCG
	words  []string
	left   []string
}

func newBag(source *rand.PCG, words []string) *bag {
	return &bag{source: source, words: slices.Compact(slices.Sorted(slices.Values(words)))}
}

func (b *bag) next() string {
	if len(b.left) == 0 {
		b.left = slices.Clone(b.words)
	}
	n := int(b.source.Uint64() % uint64(len(b.left)))
	word := b.left[n]
	b.left = slices.Delete(b.left, n, n+1)
	return word
}
