package box

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox/escape"
)

// tryMemory is the memory that a sandbox has in which attempts are made. The service's own
// may be more than what the attempts take, which are harmless.
const tryMemory = 256 << 20

// Runner are the words with which the main binary is told to make the attempts, and to make
// one. Both read what they aim at from their environment or their last argument.
type Runner struct {
	All, One []string
}

// Try makes all attempts to get out of the sandbox of a service, and returns what came of
// them with the layers that were there. It blocks for some seconds.
func Try(ctx context.Context, p Program, runner Runner) (results []escape.Result, layers []client.Layer, err error) {
	targets, end, err := aim(p)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	data, err := json.Marshal(targets)
	if err != nil {
		return nil, nil, fmt.Errorf("pass on what the attempts aim at: %w", err)
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer ours.Close()
	p.Args, p.Files, p.MemoryBytes = slices.Concat([]string{p.Binary}, runner.All, []string{string(data)}), []*os.File{nil, theirs, os.Stderr}, tryMemory
	running, err := Start(p)
	theirs.Close()
	if err != nil {
		return nil, nil, err
	}
	defer context.AfterFunc(ctx, func() { running.Signal(syscall.SIGKILL) })()
	results, err = read(ours)
	if exit := running.Wait(ctx); err == nil && exit != (process.Exit{}) {
		err = fmt.Errorf("the attempts were cut short: their process %s", exit)
	}
	return targets.Verify(results), running.Layers, err
}

// TryOpen makes the same attempts without a sandbox.
func TryOpen(ctx context.Context, p Program, runner Runner) (results []escape.Result, err error) {
	targets, end, err := aim(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	for result := range escape.Run(ctx, slices.Concat([]string{p.Binary}, runner.One), targets, false) {
		results = append(results, result)
	}
	return targets.Verify(results), ctx.Err()
}

// aim prepares what the attempts aim at.
func aim(p Program) (*escape.Targets, func() error, error) {
	paths := p.Source.Paths
	if err := paths.MakeDirs(); err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp(paths.Run, "t")
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the attempts: %w", err)
	}
	own := ""
	if write := p.Service.Profile.Write; len(write) > 0 {
		own = write[0]
		if err := os.MkdirAll(own, 0o700); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("prepare the attempts: %w", err), os.RemoveAll(folder))
		}
	}
	targets, err := escape.Prepare(folder, own)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	limits := p.Service.Profile.Limits.WithDefaults()
	targets.Network = p.Service.Profile.Network
	targets.Limits = escape.Limits{
		Processes: limits.Processes, FileBytes: limits.FileBytes, TmpBytes: limits.TmpBytes, MemoryBytes: tryMemory,
		Descriptors: []int{3}, // the settings
	}
	targets.Runtime = escape.Runtime{
		Config: paths.File(), Control: filepath.Join(paths.Run, client.SocketName), RunDir: paths.Run, BaseDir: paths.Base,
	}
	if stranger, ok := strangerOf(p); ok {
		targets.Runtime.OtherData, targets.Runtime.OtherSocket = paths.Data(stranger), paths.Socket(stranger, "")
	}
	return targets, func() error { return errors.Join(targets.Close(), os.RemoveAll(folder)) }, nil
}

// strangerOf returns a service that the tested one has nothing to do with.
func strangerOf(p Program) (string, bool) {
	n := slices.IndexFunc(p.Others, func(d plugins.Declaration) bool {
		return d.Name != p.Service.Name && !slices.Contains(p.Service.Profile.Peers, d.Name) && len(d.Profile.Write) > 0
	})
	if n < 0 {
		return "", false
	}
	return p.Others[n].Name, true
}

// read collects the results, a line of JSON each.
func read(from *os.File) ([]escape.Result, error) {
	var results []escape.Result
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		var result escape.Result
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil {
			return results, fmt.Errorf("the attempts print %q: %w", lines.Text(), err)
		}
		results = append(results, result)
	}
	if err := lines.Err(); err != nil {
		return results, fmt.Errorf("read what the attempts print: %w", err)
	}
	return results, nil
}
