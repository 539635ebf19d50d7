package metrics

import "github.com/owncloud/ocis-runtime/supervisor/client"

// cpuCounter adds up the CPU time of the processes that an instance has, or had. It knows of
// one what the last scrape saw that found it. It is not safe for concurrent use.
type cpuCounter struct {
	running map[string]cpuTime // by incarnation
	past    map[named]float64  // seconds of those that have ended
}

type cpuTime struct {
	of      named
	seconds float64
}

func newCPUCounter() *cpuCounter {
	return &cpuCounter{running: map[string]cpuTime{}, past: map[named]float64{}}
}

// read returns the seconds of each instance that has, or had, a process. They never fall.
func (c *cpuCounter) read(instances []client.Instance) map[named]float64 {
	running := make(map[string]cpuTime, len(instances))
	for _, i := range instances {
		if i.Pid != 0 { // of one that ends just now nothing can be read any more
			running[i.Incarnation] = cpuTime{named{i.Service, i.Instance}, max(i.CPUSeconds, c.running[i.Incarnation].seconds)}
		}
	}
	for incarnation, t := range c.running {
		if _, ok := running[incarnation]; !ok {
			c.past[t.of] += t.seconds
		}
	}
	c.running = running
	sums := make(map[named]float64, len(instances))
	for of, seconds := range c.past {
		sums[of] += seconds
	}
	for _, t := range running {
		sums[t.of] += t.seconds
	}
	return sums
}
