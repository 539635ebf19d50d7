package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/plugins"
)

// version is set by the linker; see Makefile.
var version string

// buildVersion says what this binary is.
type buildVersion struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Contract int    `json:"contract"` // between supervisor and child
}

func versionOf() buildVersion {
	v := buildVersion{
		Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Contract: plugins.ProtocolVersion,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				v.Revision = setting.Value
			}
		}
	}
	if v.Version == "" {
		v.Version = "dev"
	}
	return v
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "say what this binary is",
		Flags: []cli.Flag{jsonFlag},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			v := versionOf()
			if c.Bool(jsonFlag.Name) {
				return print.JSON(c.App.Writer, v)
			}
			_, err := fmt.Fprintf(c.App.Writer, "ocis %s (%s, %s, child contract %d)\n", v.Version, v.Go, v.Platform, v.Contract)
			return err
		},
	}
}
