package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags before arguments, so that `ocis crash web --signal SIGTERM` is
// understood: urfave/cli stops looking for flags at the first argument. What follows the
// service of `ocis sandbox shell` is a program's own.
func flagsFirst(app *cli.App, args []string) []string {
	if args[len(args)-1] == "--"+cli.BashCompletionFlag.Names()[0] { // a shell asks; the flag must stay the last word
		return args
	}
	commands, flags, end, path := app.Commands, app.Flags, 1, ""
	for end < len(args) {
		next := named(commands, args[end])
		if next == nil {
			break
		}
		commands, flags, path = next.Subcommands, next.Flags, path+" "+next.Name
		end++
	}
	if path == " sandbox shell" {
		if end+1 < len(args) && args[end+1] == "--" { // as people write who expect that it matters
			return slices.Concat(args[:end+1], args[end+2:])
		}
		return args
	}
	var options, arguments []string
	for i := end; i < len(args); i++ {
		switch word := args[i]; {
		case word == "--":
			return slices.Concat(args[:end], options, []string{"--"}, arguments, args[i+1:])
		case !strings.HasPrefix(word, "-") || word == "-":
			arguments = append(arguments, word)
		case takesValue(flags, word) && i+1 < len(args):
			options = append(options, word, args[i+1])
			i++
		default:
			options = append(options, word)
		}
	}
	return slices.Concat(args[:end], options, arguments)
}

func named(commands []*cli.Command, name string) *cli.Command {
	for _, command := range commands {
		if command.HasName(name) {
			return command
		}
	}
	return nil
}

// takesValue tells whether the word after a flag belongs to it.
func takesValue(flags []cli.Flag, word string) bool {
	name := strings.TrimLeft(word, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, flag := range flags {
		if _, isSwitch := flag.(*cli.BoolFlag); !isSwitch && slices.Contains(flag.Names(), name) {
			return true
		}
	}
	return false
}
