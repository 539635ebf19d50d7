// Command ocis is a small file cloud whose services are supervised processes, and the
// tool that controls them. It composes the other packages; each command is in a file
// of its own.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

func main() {
	sandbox.Stage(os.Args) // it is one process in many, and not the rest of this program then
	app, output := newApp(), print.NewOutput(os.Stdout)
	app.Writer = output
	err := app.Run(flagsFirst(app, os.Args))
	if err == nil {
		err = output.Err()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ocis:", strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(exitCode(err))
	}
}
