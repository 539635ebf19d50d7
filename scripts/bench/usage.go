package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// usage is the CPU that an operation cost, by process.
type usage struct {
	requests int
	cpu      map[string]time.Duration // by service; generator is the load itself
}

const generator = "bench"

// cpuOf returns the CPU time so far of each process of a family, and of bench.
func cpuOf(pid int) (map[string]time.Duration, error) {
	family, err := familyOf(pid)
	if err != nil {
		return nil, err
	}
	own, err := readStat(os.Getpid())
	if err != nil {
		return nil, err
	}
	cpu := map[string]time.Duration{generator: own.cpu}
	for _, process := range family {
		cpu[serviceOf(process)] += process.cpu
	}
	return cpu, nil
}

// serviceOf names a process as the family does: "webdav" for "ocis webdav server".
func serviceOf(p procStat) string {
	words := strings.Fields(p.command())
	if words[0] != "ocis" || len(words) < 2 {
		return words[0]
	}
	if words[1] == "server" {
		return "supervisor"
	}
	return words[1]
}

func (u *usage) add(requests int, before, after map[string]time.Duration) {
	u.requests += requests
	for service, cpu := range after {
		u.cpu[service] += cpu - before[service]
	}
}

// perRequest returns microseconds.
func (u *usage) perRequest(service string) float64 {
	return float64(u.cpu[service].Microseconds()) / float64(u.requests)
}

// A cost is a line of the table that says where the time goes.
type cost struct {
	Operation string             `json:"operation"`
	Micros    map[string]float64 `json:"cpu_us_per_request"`
}

// addLoad turns what the contenders did into rows: ratios where there is a comparison.
func (b *bench) addLoad(contenders []*contender) {
	for _, o := range operations {
		b.addRates(contenders, o.name, "requests/s", o.target)
		line := cost{Operation: o.name, Micros: map[string]float64{}}
		for i, c := range contenders[:min(2, len(contenders))] {
			for service := range c.usage[o.name].cpu {
				if i == 0 || service != generator {
					line.Micros[service] += c.usage[o.name].perRequest(service)
				}
			}
		}
		b.costs = append(b.costs, line)
	}
	b.addRates(contenders, bigPut, "MiB/s", 0)
	b.addRates(contenders, bigGet, "MiB/s", 0)
	b.note("Load: %d clients with keep-alive, TLS and basic authentication, in turns on the same two folders' disk, %d rounds of %s; the load generator runs on the same cores.", clients, rounds, window)
	if len(contenders) > 1 {
		b.note("Apache: mod_dav_fs, event MPM, keep-alive without a limit, passwords as htpasswd writes them by default (APR1-MD5), and for information with SHA-1, the cheapest. It does not sync to disk what it acknowledges; ocis does.")
	}
}

func (b *bench) addRates(contenders []*contender, name, unit string, target float64) {
	var of []string
	for _, c := range contenders {
		if len(c.rates[name]) == 0 {
			continue
		}
		of = append(of, fmt.Sprintf("%s %.0f", c.name, median(c.rates[name])))
	}
	r := row{Group: "load", What: name, Measured: median(contenders[0].rates[name]), Unit: unit}
	r.Spread = spread(contenders[0].rates[name], "%.0f")
	if len(contenders) > 1 {
		r.What, r.Unit, r.Target, r.AtLeast = name+", ratio to Apache", "x", target, true
		r.Measured /= median(contenders[1].rates[name])
		r.Spread = strings.Join(of, ", ") + " " + unit
	}
	b.add(r)
}
