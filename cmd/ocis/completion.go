package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// completions ask the program itself for the words that fit, as urfave/cli offers it
// behind --generate-bash-completion.
var completions = map[string]string{
	"bash": `_ocis() {
  local cur="${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(compgen -W "$("${COMP_WORDS[@]:0:COMP_CWORD}" --generate-bash-completion 2>/dev/null)" -- "$cur"))
}
complete -F _ocis ocis
`,
	"zsh": `#compdef ocis
_ocis() {
  local -a words_found
  words_found=("${(@f)$(${words[@]:0:#words[@]-1} --generate-bash-completion 2>/dev/null)}")
  _describe 'ocis' words_found
}
compdef _ocis ocis
`,
	"fish": `complete -c ocis -f -a '(set -l words (commandline -opc); $words --generate-bash-completion 2>/dev/null)'
`,
}

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print the completion script of a shell",
		ArgsUsage:   "bash|zsh|fish",
		Description: "bash: source <(ocis completion bash)\nzsh:  source <(ocis completion zsh)\nfish: ocis completion fish | source",
		BashComplete: func(*cli.Context) {
			fmt.Println(strings.Join([]string{"bash", "zsh", "fish"}, "\n"))
		},
		Action: func(c *cli.Context) error {
			script, ok := completions[c.Args().First()]
			if !ok || c.Args().Len() != 1 {
				return &usageError{"name one shell: `ocis completion bash`, zsh or fish"}
			}
			_, err := fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}
