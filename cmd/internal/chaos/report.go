package chaos

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Report is what a run found.
type Report struct {
	Seed         uint64     `json:"seed"`
	Every        Span       `json:"every_seconds"`
	For          Span       `json:"for_seconds"`
	Took         Span       `json:"took_seconds"`
	Services     []Row      `json:"services"`
	Signals      []Row      `json:"signals"`
	Total        Row        `json:"total"`
	Hits         []Recovery `json:"hits"`     // by time; those that a run cut short did not come to are missing
	Failures     []Failure  `json:"failures"` // by kind; of many kinds the first ones
	NotReady     []string   `json:"not_ready"`
	BrokenLimits []string   `json:"broken_limits"`
}

// Row is what was found of a service, of a signal, or of all. A request that may have felt
// several hits is in several rows, and once in the total.
type Row struct {
	Name       string `json:"name"`
	Kills      int    `json:"kills"`      // hits that were made, with whatever signal
	Recoveries int    `json:"recoveries"` // of these, by a child that became ready
	Median     Span   `json:"median_seconds"`
	P99        Span   `json:"p99_seconds"`
	Max        Span   `json:"max_seconds"`
	Counts
}

func (r *running) report(notReady []string) Report {
	recoveries, _ := r.watch.everything()
	report := Report{
		Seed: r.Plan.Seed, Every: Span(r.Plan.Every), For: Span(r.Plan.For), Took: Span(time.Since(r.began)),
		Hits: recoveries, NotReady: append([]string{}, notReady...), BrokenLimits: []string{},
	}
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	report.Failures = append([]Failure{}, r.tally.failures...)
	report.Services = rows(recoveries, r.tally.services, r.Plan.Services, func(r Recovery) string { return r.Service })
	report.Signals = rows(recoveries, r.tally.signals, r.Plan.Signals, func(r Recovery) string { return r.Signal })
	report.Total = row("total", recoveries, r.tally.total)
	return report
}

// rows returns a row for each name, sorted.
func rows(recoveries []Recovery, counts map[string]*Counts, names []string, nameOf func(Recovery) string) []Row {
	made := map[string]Row{}
	for _, name := range names {
		others := func(r Recovery) bool { return nameOf(r) != name }
		counted := Counts{}
		if counts[name] != nil {
			counted = *counts[name]
		}
		made[name] = row(name, slices.DeleteFunc(slices.Clone(recoveries), others), counted)
	}
	sorted := make([]Row, 0, len(made))
	for _, name := range slices.Sorted(maps.Keys(made)) {
		sorted = append(sorted, made[name])
	}
	return sorted
}

func row(name string, recoveries []Recovery, counts Counts) Row {
	made := Row{Name: name, Counts: counts}
	var times []time.Duration
	for _, r := range recoveries {
		if r.At.IsZero() {
			continue
		}
		made.Kills++
		if r.Ready > 0 {
			times = append(times, time.Duration(r.Ready))
		}
	}
	slices.Sort(times)
	made.Recoveries = len(times)
	made.Median, made.P99, made.Max = Span(percentile(times, 50)), Span(percentile(times, 99)), Span(percentile(times, 100))
	return made
}

// percentile returns the smallest of the sorted times that at least so many percent of
// them do not exceed (nearest rank); 0: there are none.
func percentile(sorted []time.Duration, percent float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(percent / 100 * float64(len(sorted))))
	return sorted[max(1, rank)-1]
}

// Limits are what a run may show. Nil is no limit.
type Limits struct {
	Failed   *int           // requests, refused ones included and lost ones not
	Recovery *time.Duration // of each hit that was made
}

// Broken says which limits a report breaks, each in one line.
func (l Limits) Broken(report Report) []string {
	broken := []string{}
	if failed := report.Total.Failed + report.Total.Refused; l.Failed != nil && failed > *l.Failed {
		broken = append(broken, fmt.Sprintf("%s failed, and --max-failed allows %d", number(failed, "request"), *l.Failed))
	}
	if l.Recovery == nil {
		return broken
	}
	if report.Total.Kills > report.Total.Recoveries {
		lost := report.Total.Kills - report.Total.Recoveries
		broken = append(broken, fmt.Sprintf("%s was not followed by a recovery, and --max-recovery allows %s", number(lost, "hit"), *l.Recovery))
	}
	if worst := time.Duration(report.Total.Max); worst > *l.Recovery {
		broken = append(broken, fmt.Sprintf("a recovery took %s, and --max-recovery allows %s", short(worst), *l.Recovery))
	}
	return broken
}

func number(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// Verdict returns what is wrong with a run that broke its limits, or left something down.
func (r Report) Verdict() error {
	problems := append(slices.Clone(r.BrokenLimits), r.NotReady...)
	if len(problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(problems, "; "))
}
