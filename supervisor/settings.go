package supervisor

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
	"github.com/owncloud/ocis-runtime/supervisor/memory"
	"github.com/owncloud/ocis-runtime/supervisor/restart"
)

// Section is the section of ocis.yaml with the supervisor's settings.
const Section = "runtime"

// Settings are the supervisor's own.
type Settings struct {
	Services []string `yaml:"services" env:"OCIS_RUN_SERVICES" allowed:"names of services" desc:"run only these services"`
	Exclude  []string `yaml:"exclude_services" env:"OCIS_EXCLUDE_RUN_SERVICES" allowed:"names of services" desc:"do not run these services"`
	Add      []string `yaml:"add_services" env:"OCIS_ADD_RUN_SERVICES" allowed:"names of services" desc:"run these services as well"`

	HealthInterval time.Duration `yaml:"health_interval" env:"OCIS_HEALTH_INTERVAL" default:"1s" allowed:"at least 100ms"`
	HealthTimeout  time.Duration `yaml:"health_timeout" env:"OCIS_HEALTH_TIMEOUT" default:"3s" allowed:"at least 100ms"`

	BackoffFirst  time.Duration `yaml:"backoff_first" env:"OCIS_BACKOFF_FIRST" default:"250ms" allowed:"more than 0"`
	BackoffCap    time.Duration `yaml:"backoff_cap" env:"OCIS_BACKOFF_CAP" default:"30s" allowed:"more than 0"`
	BackoffStable time.Duration `yaml:"backoff_stable" env:"OCIS_BACKOFF_STABLE" default:"10s" allowed:"more than 0"`

	OrphanGrace time.Duration `yaml:"orphan_grace" env:"OCIS_ORPHAN_GRACE" default:"2m" allowed:"more than health_interval and health_timeout together" desc:"children whose runtime was killed serve on for so long"`

	StopBound time.Duration `yaml:"stop_bound" env:"OCIS_STOP_BOUND" default:"15s" allowed:"more than 0" desc:"an ordered shutdown takes no longer"`

	LogBytes config.Bytes `yaml:"log_bytes" env:"OCIS_LOG_BYTES" default:"10MiB" allowed:"at least 4KiB" desc:"size of one log file of a service"`
	LogFiles int          `yaml:"log_files" env:"OCIS_LOG_FILES" default:"3" allowed:"1 to 100" desc:"older log files kept for each service"`

	MemoryLimit config.Bytes `yaml:"memory_limit" env:"OCIS_MEMORY_LIMIT" allowed:"at least 256MiB; 0: 90 % of the machine's memory, or of its control group's limit" desc:"what the runtime and all services may take together"`

	Replicas []string `yaml:"replicas" env:"OCIS_REPLICAS" allowed:"SERVICE=NUMBER, such as webdav=2" desc:"how many instances of a service run"`

	Isolate []string `yaml:"isolate" env:"OCIS_ISOLATE" allowed:"names of services, all or none; NAME:best-effort starts with the layers that the machine has, NAME:off without" desc:"run these services in a sandbox"`

	MetricsAddr string `yaml:"metrics_addr" env:"OCIS_METRICS_ADDR" allowed:"host:port" desc:"serve the metrics on this TCP address as well; loopback is best"`

	Essential []string `yaml:"essential" env:"OCIS_ESSENTIAL_SERVICES" allowed:"names of services" desc:"when one of these fails for good, the runtime shuts down"`
	OnFailure []string `yaml:"restart_on_failure" allowed:"names of services" desc:"restart these unless they exit with code 0"`
	Never     []string `yaml:"restart_never" allowed:"names of services" desc:"never restart these"`
}

// Validate implements the check of package config.
func (s *Settings) Validate() error {
	for _, wrong := range []struct {
		is  bool
		key string
	}{
		{s.HealthInterval < 100*time.Millisecond, "health_interval"},
		{s.HealthTimeout < 100*time.Millisecond, "health_timeout"},
		{s.BackoffFirst <= 0, "backoff_first"},
		{s.BackoffCap <= 0, "backoff_cap"},
		{s.BackoffStable <= 0, "backoff_stable"},
		{s.OrphanGrace <= s.HealthInterval+s.HealthTimeout, "orphan_grace"}, // or a child that is asked takes itself for an orphan
		{s.StopBound <= 0, "stop_bound"},
		{s.LogBytes < 4<<10, "log_bytes"},
		{s.LogFiles < 1 || s.LogFiles > 100, "log_files"},
		{s.MemoryLimit != 0 && s.MemoryLimit < memory.Least, "memory_limit"},
	} {
		if wrong.is {
			return &config.Invalid{Key: wrong.key, Problem: "it is out of range"}
		}
	}
	if s.MetricsAddr != "" {
		if problem := config.AddressProblem(s.MetricsAddr); problem != "" {
			return &config.Invalid{Key: "metrics_addr", Problem: problem}
		}
	}
	return nil
}

func (s *Settings) backoff() restart.Limits {
	limits := restart.DefaultLimits
	limits.First, limits.Cap, limits.Stable = s.BackoffFirst, s.BackoffCap, s.BackoffStable
	return limits
}

func (s *Settings) logLimits() logfile.Limits {
	return logfile.Limits{Bytes: int64(s.LogBytes), Files: s.LogFiles}
}

// apply returns the declarations by name, with what the settings say about each.
func (s *Settings) apply(declarations []plugins.Declaration) (map[string]plugins.Declaration, error) {
	byName := make(map[string]plugins.Declaration, len(declarations))
	for _, d := range declarations {
		if _, twice := byName[d.Name]; twice {
			return nil, fmt.Errorf("two services are called %s", d.Name)
		}
		byName[d.Name] = d
	}
	names := slices.Sorted(maps.Keys(byName))
	for _, list := range []struct {
		key    string
		names  []string
		change func(*plugins.Declaration)
	}{
		{"essential", s.Essential, func(d *plugins.Declaration) { d.Essential = true }},
		{"restart_on_failure", s.OnFailure, func(d *plugins.Declaration) { d.Restart = plugins.RestartOnFailure }},
		{"restart_never", s.Never, func(d *plugins.Declaration) { d.Restart = plugins.RestartNever }},
	} {
		for _, name := range list.names {
			d, ok := byName[name]
			if !ok {
				return nil, invalid(list.key, unknownService(name, names))
			}
			list.change(&d)
			byName[name] = d
		}
	}
	return byName, s.isolate(byName)
}

// invalid is about a setting that only the declarations show to be wrong.
// config.Source.Explain says where it stands.
func invalid(key string, problem error) error {
	return fmt.Errorf("%s.%w", Section, &config.Invalid{Key: key, Problem: problem.Error()})
}

// runSet returns which services are to run from the beginning.
func (s *Settings) runSet(known []string) (map[string]bool, error) {
	for _, list := range []struct {
		key   string
		names []string
	}{{"services", s.Services}, {"exclude_services", s.Exclude}, {"add_services", s.Add}} {
		for _, name := range list.names {
			if !slices.Contains(known, name) {
				return nil, invalid(list.key, unknownService(name, known))
			}
		}
	}
	set := make(map[string]bool, len(known))
	first := s.Services
	if len(first) == 0 {
		first = known
	}
	for _, name := range slices.Concat(first, s.Add) {
		set[name] = !slices.Contains(s.Exclude, name)
	}
	return set, nil
}

// replicas returns how many instances each service has.
func (s *Settings) replicas(declarations map[string]plugins.Declaration) (map[string]int, error) {
	replicas := make(map[string]int, len(declarations))
	for name, declaration := range declarations {
		replicas[name] = max(declaration.Replicas, 1)
	}
	given := map[string]bool{}
	for _, text := range s.Replicas {
		name, number, err := ParseReplicas(text)
		if err != nil {
			return nil, invalid("replicas", err)
		}
		declaration, ok := declarations[name]
		if !ok {
			return nil, invalid("replicas", unknownService(name, slices.Sorted(maps.Keys(declarations))))
		}
		if err := CheckReplicas(name, declaration.Singleton, number); err != nil {
			return nil, invalid("replicas", err)
		}
		if given[name] {
			return nil, invalid("replicas", fmt.Errorf("%s is there twice", name))
		}
		replicas[name], given[name] = number, true
	}
	return replicas, nil
}

// ParseReplicas reads SERVICE=NUMBER.
func ParseReplicas(text string) (service string, replicas int, err error) {
	service, number, ok := strings.Cut(text, "=")
	if ok && service != "" {
		if replicas, err = strconv.Atoi(number); err == nil {
			return service, replicas, nil
		}
	}
	return "", 0, fmt.Errorf("%q is not SERVICE=NUMBER, such as webdav=2", text)
}

// UnknownServiceError is returned for a name that no service has.
type UnknownServiceError struct {
	Name  string
	Known []string
}

// Error implements error.
func (e *UnknownServiceError) Error() string {
	if nearest, ok := config.Nearest(e.Name, e.Known); ok {
		return fmt.Sprintf("unknown service %q: did you mean %q?", e.Name, nearest)
	}
	return fmt.Sprintf("unknown service %q: known are %s", e.Name, strings.Join(e.Known, ", "))
}

func unknownService(name string, known []string) error {
	return &UnknownServiceError{Name: name, Known: known}
}
