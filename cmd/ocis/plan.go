package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/cmd/internal/plugindir"
	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/plugins/logging"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/proxy"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
	"github.com/owncloud/ocis-runtime/supervisor/program"
)

// plan is a start with everything checked that the settings decide. Nothing has happened yet.
type plan struct {
	log        *logrus.Logger
	node       string // the name of this machine
	services   []plugins.Declaration
	refused    []plugindir.Refusal // of the services from outside
	way        proxy.Settings      // of clients
	announcer  *registry.Announcer
	recorder   *metrics.Recorder
	supervisor *supervisor.Supervisor

	metricsAddr string // empty: no TCP address for metrics
}

// planStart reads all settings and checks them against each other. isolate, when there is
// something in it, wins over the setting of that name.
func planStart(src *config.Source, isolate []string) (*plan, error) {
	known, err := knownServices(src)
	if err != nil {
		return nil, err
	}
	p := &plan{services: known.declarations, refused: known.outside.Refused}
	if p.log, err = logging.New(src, os.Stderr); err != nil {
		return nil, err
	}
	if p.way, err = proxy.ReadSettings(src); err != nil {
		return nil, err
	}
	if p.node, err = os.Hostname(); err != nil {
		return nil, fmt.Errorf("find the machine's name: %w", err)
	}
	p.announcer = registry.NewAnnouncer(p.node, src.Paths.Registry(), p.log.WithField("component", "registry"))
	p.recorder = metrics.NewRecorder()
	options := supervisor.Options{
		Paths: src.Paths, Log: p.log, Environ: os.Environ(), Declarations: known.declarations, Node: p.node,
		Registrar: p.announcer, Recorder: p.recorder, Excerpt: src.Excerpt,
		Executable: known.binary, Programs: known.programs,
	}
	if err := src.Fill(supervisor.Section, &options.Settings); err != nil {
		return nil, err
	}
	switch {
	case len(isolate) > 0:
		options.Settings.Isolate = isolate
	case os.Getenv("OCIS_ISOLATE") == "": // within the file, what a service's own section says is more than a word for all
		options.Settings.Isolate = append(known.isolate, options.Settings.Isolate...)
	}
	p.metricsAddr = options.Settings.MetricsAddr
	p.supervisor, err = supervisor.New(options)
	return p, explain(src, &options.Settings, isolate, err)
}

// explain adds where a wrong setting comes from.
func explain(src *config.Source, settings *supervisor.Settings, isolate []string, problem error) error {
	var invalid *config.Invalid
	if errors.As(problem, &invalid) && invalid.Key == "isolate" && len(isolate) > 0 {
		return &usageError{fmt.Sprintf("--isolate=%s: %s", strings.Join(isolate, ","), invalid.Problem)}
	}
	return src.Explain(supervisor.Section, settings, problem)
}

// url returns where people's clients really connect: "" when nobody listens for them.
func (p *plan) url() string {
	sockets := p.supervisor.Sockets(proxy.Name)
	if len(sockets) == 0 || !sockets[0].Held {
		return ""
	}
	bound := p.way
	bound.HTTPAddr = sockets[0].Address // with the port that was chosen for port 0
	return bound.URL()
}

// known are all services that there are, of whatever kind: what they declare, and what they
// execute.
type known struct {
	binary       string // the main one
	declarations []plugins.Declaration
	programs     map[string]program.Program
	outside      *plugindir.Folder
	isolate      []string // what the services' sections say about isolation, as the setting would
}

// knownServices builds every service, as a start would.
func knownServices(src *config.Source) (*known, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program's own file: %w", err)
	}
	k := &known{binary: binary, programs: map[string]program.Program{}}
	if k.declarations, err = builtins(src); err != nil {
		return nil, err
	}
	for _, d := range k.declarations {
		k.programs[d.Name] = program.Builtin(binary, d.Name)
	}
	k.outside = plugindir.Read(src.Paths, k.declarations)
	if err := src.CheckSections(slices.Concat(sections(), k.outside.Names())...); err != nil {
		return nil, err
	}
	for _, p := range k.outside.Plugins {
		k.declarations = append(k.declarations, p.Declaration)
		k.programs[p.Declaration.Name] = p.Program
	}
	for n := range k.declarations {
		word, err := amendProfile(src, &k.declarations[n])
		if err != nil {
			return nil, err
		}
		if word != "" {
			k.isolate = append(k.isolate, word)
		}
	}
	return k, nil
}

// builtins are the declarations of the built-in services.
func builtins(src *config.Source) ([]plugins.Declaration, error) {
	list := make([]plugins.Declaration, 0, len(family))
	for _, b := range family {
		service, err := b.build(src)
		if err != nil {
			return nil, err
		}
		list = append(list, service.Declaration)
	}
	return list, nil
}

// amendProfile adds what the section of a service says about its isolation. word is the
// same as the setting would say it; empty: the section does not say whether it is isolated.
func amendProfile(src *config.Source, d *plugins.Declaration) (word string, err error) {
	var settings config.Isolation
	if err := src.FillKnown(d.Name, &settings); err != nil {
		return "", err
	}
	if settings.Isolate != "" {
		d.Profile.Isolate = plugins.Isolation(settings.Isolate)
		word = d.Name + ":" + string(settings.Isolate)
	}
	d.Profile.Read = append(d.Profile.Read, settings.Read...)
	d.Profile.Write = append(d.Profile.Write, settings.Write...)
	d.Profile.Network = d.Profile.Network || settings.Network
	return word, nil
}
