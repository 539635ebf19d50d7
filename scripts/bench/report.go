package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// bench is one run.
type bench struct {
	binary string
	report
}

// A report is what a run found.
type report struct {
	rows   []row
	sizes  []size // the processes after start
	costs  []cost // where the time of the load goes
	notes  []string
	took   time.Duration
	broken error // what could not be measured
}

// A row is a line of the table. Measured is in Unit; Target is in it too.
type row struct {
	Group    string  `json:"group"`
	What     string  `json:"what"`
	Target   float64 `json:"target,omitempty"` // 0: none, the row is for information
	AtLeast  bool    `json:"at_least,omitempty"`
	Exactly  bool    `json:"exactly,omitempty"` // Target is meant to the letter, also when it is 0
	Unit     string  `json:"unit"`
	Measured float64 `json:"measured"`
	Spread   string  `json:"spread,omitempty"` // lowest to highest of the runs, or what the ratio is of
	Verdict  string  `json:"verdict"`
}

// A size is the memory of one process.
type size struct {
	Command string  `json:"command"`
	PSS     float64 `json:"pss_mib"`
}

// The verdicts.
const (
	reached  = "reached"
	missed   = "MISSED"
	reported = "" // there is no target
)

// judge is the verdict on the measured value.
func (r row) judge() string {
	switch {
	case r.Exactly && r.Measured == r.Target:
		return reached
	case r.Target == 0 && !r.Exactly:
		return reported
	case r.AtLeast && r.Measured >= r.Target, !r.AtLeast && !r.Exactly && r.Measured <= r.Target:
		return reached
	}
	return missed
}

func (b *bench) add(r row) {
	r.Verdict = r.judge()
	b.rows = append(b.rows, r)
}

func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

func (b *bench) failed(g group, err error) {
	b.broken = errors.Join(b.broken, fmt.Errorf("%s could not be measured: %w", g.name, err))
}

func (r *report) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Machine   string   `json:"machine"`
		Seconds   float64  `json:"seconds"`
		Rows      []row    `json:"rows"`
		Processes []size   `json:"processes,omitempty"`
		Costs     []cost   `json:"costs,omitempty"`
		Notes     []string `json:"notes"`
	}{machine(), r.took.Seconds(), r.rows, r.sizes, r.costs, r.notes})
}

func (r *report) writeText(w io.Writer) error {
	fmt.Fprintf(w, "\n%s; took %s\n\n", machine(), r.took.Round(time.Second))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHAT\tTARGET\tMEASURED\tVERDICT\tOF")
	last := ""
	for _, line := range r.rows {
		if last != "" && line.Group != last {
			fmt.Fprintln(table, "\t\t\t\t")
		}
		last = line.Group
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", line.What, line.target(), line.value(line.Measured), line.Verdict, line.Spread)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := errors.Join(r.writeSizes(w), r.writeCosts(w)); err != nil {
		return err
	}
	if len(r.notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, note := range r.notes {
		fmt.Fprintln(w, "*", note)
	}
	return nil
}

func (r *report) writeSizes(w io.Writer) error {
	if len(r.sizes) == 0 {
		return nil
	}
	_, err := fmt.Fprint(w, "\nMemory by process, proportional set size\n\n")
	for _, s := range r.sizes {
		_, err = fmt.Fprintf(w, "  %6.1f MiB  %s\n", s.PSS, s.Command)
	}
	return err
}

func (r *report) writeCosts(w io.Writer) error {
	if len(r.costs) == 0 {
		return nil
	}
	services := r.costServices()
	fmt.Fprintf(w, "\nWhere the time goes: CPU of each process in µs per request (%s: the load generator)\n\n", generator)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "OPERATION\t"+strings.Join(services, "\t"))
	for _, c := range r.costs {
		fmt.Fprint(table, c.Operation)
		for _, service := range services {
			fmt.Fprintf(table, "\t%.0f", c.Micros[service])
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// costServices returns the processes that cost something, in a fixed order.
func (r *report) costServices() []string {
	total := map[string]float64{}
	for _, c := range r.costs {
		for service, micros := range c.Micros {
			total[service] += micros
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(total)), func(service string) bool { return total[service] < 1 })
}

func (r row) target() string {
	switch {
	case r.Exactly:
		return r.value(r.Target)
	case r.Target == 0:
		return "-"
	case r.AtLeast:
		return ">= " + r.value(r.Target)
	}
	return "<= " + r.value(r.Target)
}

func (r row) value(number float64) string {
	format := "%.0f"
	switch {
	case r.Unit == "" || r.Unit == "x" || r.Unit == "%" || r.Unit == "s":
		format = "%.2f"
	case r.Unit == "ms" || r.Unit == "MiB":
		format = "%.1f"
	}
	return strings.TrimSpace(fmt.Sprintf(format, number) + " " + r.Unit)
}

// machine describes in one line what the figures are of.
func machine() string {
	kernel := ""
	if data, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = " " + strings.TrimSpace(string(data))
	}
	model := runtime.GOARCH
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s%s, %d cores of %s, %s, data on %s", runtime.GOOS, kernel, runtime.NumCPU(), model, runtime.Version(), fileSystem(os.TempDir()))
}

// fileSystem names what syncing to disk costs on.
func fileSystem(dir string) string {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return dir
	}
	switch int64(stat.Type) {
	case 0x01021994:
		return dir + " (tmpfs, where syncing costs nothing)"
	case 0xef53:
		return dir + " (ext4)"
	case 0x9123683e:
		return dir + " (btrfs)"
	case 0x58465342:
		return dir + " (xfs)"
	}
	return dir
}
