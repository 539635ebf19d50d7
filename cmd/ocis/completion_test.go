package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// completionCases are lines, the last word being typed, and what it may become.
var completionCases = map[string][]string{
	"rest":          {"restart"},
	"status webd":   {"webdav"},
	"status web":    {"web", "webdav"},
	"restart sto":   {"storage"},
	"logs fr":       {"frontend"},
	"web he":        {"health", "help"},
	"users pa":      {"passwd"},
	"completion fi": {"fish"},
	"list x":        nil,
}

func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	site := ocistest.NewSite(t)
	bin := t.TempDir()
	if err := os.Symlink(ocistest.Binary(t), filepath.Join(bin, "ocis")); err != nil {
		t.Fatal(err)
	}
	for line, want := range completionCases {
		script := `source <(ocis completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ocis; printf '%s\n' "${COMPREPLY[@]}"`
		command := exec.CommandContext(t.Context(), bash, append([]string{"-c", script, "bash", "ocis"}, strings.Fields(line)...)...)
		command.Env = append(slices.Clone(site.Environ), "PATH="+bin+":"+os.Getenv("PATH"))
		output, err := command.CombinedOutput()
		got := strings.Fields(string(output))
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("ocis %s becomes %q, %v; want %q", line, got, err, want)
		}
	}
}

func TestEveryShellTakesItsCompletionScript(t *testing.T) {
	site := ocistest.NewSite(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, stderr, code := site.Ocis("completion", shell)
		if code != 0 || !strings.Contains(script, "--generate-bash-completion") {
			t.Errorf("%s: %d %s%s", shell, code, script, stderr)
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed: its script is not checked", shell)
			continue
		}
		file := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		if output, err := exec.CommandContext(t.Context(), path, "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", shell, err, output)
		}
	}
}
