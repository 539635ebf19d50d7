// Package graph orders services by what they need.
//
// It owns the relation and its checks: an unknown name or a cycle is an error that
// names it. It leaves waiting and starting to its caller.
package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// Graph says who needs whom. It is immutable.
type Graph struct {
	needs    map[string][]string
	neededBy map[string][]string
}

// New checks needs, which lists for each service those that must be ready before it.
func New(needs map[string][]string) (*Graph, error) {
	g := &Graph{needs: make(map[string][]string, len(needs)), neededBy: make(map[string][]string, len(needs))}
	names := slices.Sorted(maps.Keys(needs))
	for _, name := range names {
		g.needs[name] = unique(needs[name])
		for _, need := range g.needs[name] {
			if _, known := needs[need]; !known {
				return nil, &UnknownError{Service: name, Need: need, Known: names}
			}
			g.neededBy[need] = append(g.neededBy[need], name)
		}
	}
	if cycle := g.cycle(names); cycle != nil {
		return nil, &CycleError{Path: cycle}
	}
	return g, nil
}

// UnknownError is returned for a need that no service is.
type UnknownError struct {
	Service, Need string
	Known         []string // sorted
}

// Error implements error.
func (e *UnknownError) Error() string {
	if nearest, ok := config.Nearest(e.Need, e.Known); ok {
		return fmt.Sprintf("service %s needs %q, which is unknown: did you mean %q?", e.Service, e.Need, nearest)
	}
	return fmt.Sprintf("service %s needs %q, which is unknown: known are %s", e.Service, e.Need, strings.Join(e.Known, ", "))
}

// CycleError is returned for services that wait for each other.
type CycleError struct {
	Path []string // ends with the service that it begins with
}

// Error implements error.
func (e *CycleError) Error() string {
	return "services need each other in a circle: " + strings.Join(e.Path, " needs ")
}

// Names returns all services, sorted.
func (g *Graph) Names() []string { return slices.Sorted(maps.Keys(g.needs)) }

// Order returns all services, each after what it needs, else sorted.
func (g *Graph) Order() []string {
	var order []string
	placed := make(map[string]bool, len(g.needs))
	var place func(name string)
	place = func(name string) {
		if placed[name] {
			return
		}
		placed[name] = true
		for _, need := range g.needs[name] {
			place(need)
		}
		order = append(order, name)
	}
	for _, name := range g.Names() {
		place(name)
	}
	return order
}

// Needs returns what a service needs itself, sorted.
func (g *Graph) Needs(name string) []string { return g.needs[name] }

// NeededBy returns who needs a service itself, sorted.
func (g *Graph) NeededBy(name string) []string { return g.neededBy[name] }

// cycle returns a path that ends where it begins, or nil.
func (g *Graph) cycle(names []string) []string {
	const (
		unseen = iota
		onPath
		done
	)
	state := make(map[string]int, len(names))
	var path []string
	var visit func(name string) []string
	visit = func(name string) []string {
		state[name] = onPath
		path = append(path, name)
		for _, need := range g.needs[name] {
			switch state[need] {
			case onPath:
				return append(slices.Clone(path[slices.Index(path, need):]), need)
			case unseen:
				if found := visit(need); found != nil {
					return found
				}
			}
		}
		path = path[:len(path)-1]
		state[name] = done
		return nil
	}
	for _, name := range names {
		if state[name] == unseen {
			if found := visit(name); found != nil {
				return found
			}
		}
	}
	return nil
}

func unique(names []string) []string {
	sorted := slices.Sorted(slices.Values(names))
	return slices.Compact(sorted)
}
