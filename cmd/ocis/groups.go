package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
)

// groupCommand is `ocis users groups`.
func groupCommand() *cli.Command {
	return &cli.Command{
		Name: "groups", Usage: "show, make and delete groups, and who is in them",
		Description: "  ocis users groups create staff\n" +
			"  ocis users groups add staff alice bob",
		Action: unknownSubcommand,
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "show all groups and their members", Flags: []cli.Flag{jsonFlag}, Action: listGroups},
			{Name: "create", Usage: "make an empty group", ArgsUsage: "GROUP", Action: createGroup},
			{Name: "delete", Usage: "delete a group; its members stay", ArgsUsage: "GROUP", Action: deleteGroup},
			{Name: "add", Usage: "put accounts into a group", ArgsUsage: "GROUP NAME...", Action: addMembers},
			{Name: "remove", Usage: "take accounts out of a group", ArgsUsage: "GROUP NAME...", Action: removeMembers},
		},
	}
}

// accountGroup is a group as programs see it.
type accountGroup struct {
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

func listGroups(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	return withUsers(c, func(ctx context.Context, users usersapi.UsersService) error {
		response, err := users.ListGroups(ctx, &usersapi.ListGroupsRequest{})
		if err != nil {
			return err
		}
		list := make([]accountGroup, 0, len(response.Groups))
		var rows [][]print.Cell // one for each member: groups may be large
		for _, group := range response.Groups {
			list = append(list, accountGroup{group.Name, append([]string{}, group.Members...)})
			for _, member := range group.Members {
				rows = append(rows, []print.Cell{print.Text(group.Name), print.Text(member)})
			}
			if len(group.Members) == 0 {
				rows = append(rows, []print.Cell{print.Text(group.Name), print.Text("")})
			}
		}
		if c.Bool(jsonFlag.Name) {
			return print.JSON(c.App.Writer, list)
		}
		print.Table(c.App.Writer, []string{"GROUP", "MEMBER"}, rows)
		return nil
	})
}

func createGroup(c *cli.Context) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	return withUsers(c, func(ctx context.Context, users usersapi.UsersService) error {
		made, err := users.CreateGroup(ctx, &usersapi.CreateGroupRequest{Name: name})
		if err == nil {
			fmt.Fprintf(c.App.Writer, "made the group %s\n", made.Name)
		}
		return err
	})
}

func deleteGroup(c *cli.Context) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	return withUsers(c, func(ctx context.Context, users usersapi.UsersService) error {
		_, err := users.DeleteGroup(ctx, &usersapi.DeleteGroupRequest{Name: name})
		if err == nil {
			fmt.Fprintf(c.App.Writer, "deleted the group %s\n", name)
		}
		return err
	})
}

func addMembers(c *cli.Context) error {
	return changeMembers(c, "is in", func(ctx context.Context, users usersapi.UsersService, request *usersapi.MemberRequest) error {
		_, err := users.AddMember(ctx, request)
		return err
	})
}

func removeMembers(c *cli.Context) error {
	return changeMembers(c, "is not in", func(ctx context.Context, users usersapi.UsersService, request *usersapi.MemberRequest) error {
		_, err := users.RemoveMember(ctx, request)
		return err
	})
}

// changeMembers makes one change after the other, and stops at the first that fails.
func changeMembers(c *cli.Context, now string, change func(context.Context, usersapi.UsersService, *usersapi.MemberRequest) error) error {
	if c.Args().Len() < 2 {
		return &usageError{fmt.Sprintf("a group and who are needed, like `%s staff alice`", c.Command.HelpName)}
	}
	for _, name := range c.Args().Slice() {
		if err := readable("the name", name); err != nil {
			return err
		}
	}
	group := c.Args().First()
	return withUsers(c, func(ctx context.Context, users usersapi.UsersService) error {
		for _, name := range c.Args().Tail() {
			if err := change(ctx, users, &usersapi.MemberRequest{Group: group, Username: name}); err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "%s %s %s\n", name, now, group)
		}
		return nil
	})
}
