package sandbox

import (
	"slices"
	"strings"

	"github.com/owncloud/ocis-runtime/plugins"
)

// common are the variables that every program gets: those of the contract with the
// supervisor, of the paths and the log, of Go's runtime, and what tells language and time.
var common = slices.Concat(plugins.LaunchVariables(), []string{
	"OCIS_BASE_DATA_PATH", "OCIS_CONFIG_DIR", "OCIS_RUN_DIR", "OCIS_PLUGINS_DIR", "OCIS_LOG_*",
	"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GORACE", "GOTRACEBACK",
	"LANG", "LC_*", "PATH", "TZ",
})

// ownVariables are those that a service reads for itself.
func ownVariables(d plugins.Declaration) []string {
	prefix := strings.ToUpper(strings.ReplaceAll(d.Name, "-", "_"))
	return slices.Concat([]string{prefix + "_*"}, d.Secrets, d.Profile.Environment)
}

// cut returns the variables whose names patterns has. A pattern is a name, or a prefix that
// ends with "*".
func cut(environ, patterns []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) })
	})
}

func matches(pattern, name string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(name, prefix)
	}
	return name == pattern
}
