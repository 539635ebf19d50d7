// Command ocis is a small file cloud whose services are supervised processes, and the
// tool that controls them. It composes the other packages; each command is in a file
// of its own.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	app := newApp()
	if err := app.Run(flagsFirst(app, os.Args)); err != nil {
		fmt.Fprintln(os.Stderr, "ocis:", strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(exitCode(err))
	}
}
