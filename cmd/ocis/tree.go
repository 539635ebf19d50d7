package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func treeCommand() *cli.Command {
	return showCommand(&cli.Command{
		Name:        "tree",
		Usage:       "show who needs whom",
		Description: "Below each service stands what it needs. A service that several need is shown below each of them.",
	}, func(c *cli.Context, runtime *client.Client) ([]client.TreeNode, error) {
		if err := noArguments(c); err != nil {
			return nil, err
		}
		return runtime.Tree(c.Context)
	}, printTree)
}

func printTree(c *cli.Context, nodes []client.TreeNode) {
	byName := make(map[string]client.TreeNode, len(nodes))
	for _, node := range nodes {
		byName[node.Service] = node
	}
	var show func(name, indent, branch, below string)
	show = func(name, indent, branch, below string) {
		node := byName[name]
		cell := statusCell(client.Instance{Status: node.Status})
		dots := strings.Repeat(" ", max(1, 28-len([]rune(indent+branch+name))))
		fmt.Fprintf(c.App.Writer, "%s%s%s%s%s\n", indent, branch, name, dots, print.Paint(c.App.Writer, cell.Text, cell.Color))
		for n, need := range node.Needs {
			if n == len(node.Needs)-1 {
				show(need, indent+below, "└─ ", "   ")
			} else {
				show(need, indent+below, "├─ ", "│  ")
			}
		}
	}
	for _, node := range nodes {
		if len(node.NeededBy) == 0 {
			show(node.Service, "", "", "")
		}
	}
}
