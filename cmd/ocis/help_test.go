package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// help returns what `ocis COMMAND --help` prints.
func help(t *testing.T, command ...string) string {
	t.Helper()
	var out bytes.Buffer
	app := newApp()
	app.Writer = &out
	if err := app.Run(append(append([]string{"ocis"}, command...), "--help")); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// examples have lines of their own in their descriptions.
var examples = []string{"completion", "create", "groups"}

func TestTheParagraphsOfAHelpAreFilledAndTheirLinesFit(t *testing.T) {
	check := func(command *cli.Command, words ...string) {
		if slices.Contains(examples, command.Name) {
			return
		}
		_, rest, _ := strings.Cut(help(t, words...), "\nDESCRIPTION:\n")
		description, _, _ := strings.Cut(rest, "\n\nOPTIONS:\n")
		description, _, _ = strings.Cut(description, "\n\nCOMMANDS:\n")
		lines := strings.Split(description, "\n")
		for n, line := range lines {
			if utf8.RuneCountInString(line) > helpWidth {
				t.Errorf("%s: %q is too long", words, line)
			}
			if n+1 == len(lines) || strings.TrimSpace(line) == "" {
				continue
			}
			next, _, _ := strings.Cut(strings.TrimSpace(lines[n+1]), " ")
			if next != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(next) <= helpWidth {
				t.Errorf("%s: %q is broken before %q", words, line, next)
			}
		}
	}
	for _, command := range newApp().Commands {
		check(command, command.Name)
		for _, sub := range command.Subcommands {
			check(sub, command.Name, sub.Name)
		}
	}
}
