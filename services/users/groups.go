package users

import (
	"context"

	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
	"github.com/owncloud/ocis-runtime/services/users/internal/store"
)

// ListGroups is for the operator, as are all calls about groups.
func (h *handler) ListGroups(ctx context.Context, _ *usersapi.ListGroupsRequest, reply *usersapi.ListGroupsResponse) error {
	if err := requireCaller(ctx, isOperator); err != nil {
		return err
	}
	groups, err := h.store.Groups()
	if err != nil {
		return h.answer(err)
	}
	for _, group := range groups {
		reply.Groups = append(reply.Groups, &usersapi.Group{Name: group.Name, Members: group.Members})
	}
	return nil
}

// CreateGroup makes an empty group.
func (h *handler) CreateGroup(ctx context.Context, request *usersapi.CreateGroupRequest, reply *usersapi.Group) error {
	if err := requireCaller(ctx, isOperator); err != nil {
		return err
	}
	if err := checkName("group", request.Name); err != nil {
		return err
	}
	if err := h.store.InsertGroup(request.Name); err != nil {
		return h.answer(err)
	}
	reply.Name = request.Name
	return nil
}

// DeleteGroup ends everybody's membership too.
func (h *handler) DeleteGroup(ctx context.Context, request *usersapi.DeleteGroupRequest, _ *usersapi.DeleteGroupResponse) error {
	if err := requireCaller(ctx, isOperator); err != nil {
		return err
	}
	if err := h.store.DeleteGroup(request.Name); err != nil {
		return h.answer(err)
	}
	return nil
}

// AddMember may be repeated.
func (h *handler) AddMember(ctx context.Context, request *usersapi.MemberRequest, reply *usersapi.Group) error {
	return h.changeMember(ctx, request, reply, h.store.AddMember)
}

// RemoveMember may be repeated.
func (h *handler) RemoveMember(ctx context.Context, request *usersapi.MemberRequest, reply *usersapi.Group) error {
	return h.changeMember(ctx, request, reply, h.store.RemoveMember)
}

func (h *handler) changeMember(ctx context.Context, request *usersapi.MemberRequest, reply *usersapi.Group, change func(group, username string) (store.Group, error)) error {
	if err := requireCaller(ctx, isOperator); err != nil {
		return err
	}
	group, err := change(request.Group, request.Username)
	if err != nil {
		return h.answer(err)
	}
	reply.Name, reply.Members = group.Name, group.Members
	return nil
}
