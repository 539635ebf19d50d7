package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func scaleCommand() *cli.Command {
	return &cli.Command{
		Name:      "scale",
		Usage:     "change how many processes serve a service's socket",
		ArgsUsage: "SERVICE=NUMBER...",
		Description: "Returns when new instances are ready, and those that are too many have drained.\n\n" +
			"Lasts until the runtime ends; OCIS_REPLICAS and runtime.replicas in ocis.yaml are for " +
			"ever. nats, users and storage own their data alone and cannot be scaled.",
		Flags:        []cli.Flag{jsonFlag},
		BashComplete: completeServices,
		Action:       scale,
	}
}

// scaling is a wish: so many instances of that service.
type scaling struct {
	service  string
	replicas int
}

func scale(c *cli.Context) error {
	wishes, err := parseScalings(c.Args().Slice())
	if err != nil {
		return &usageError{err.Error()}
	}
	runtime, err := runtimeClient()
	if err != nil {
		return err
	}
	for _, wish := range wishes { // all or none
		if err := wish.check(c.Context, runtime); err != nil {
			return err
		}
	}
	for _, wish := range wishes {
		service, err := runtime.Scale(c.Context, wish.service, wish.replicas)
		if err != nil {
			return err
		}
		if err := printControlled(c, service); err != nil {
			return err
		}
	}
	return nil
}

// check tells, without changing anything, whether the service can have so many instances.
func (w scaling) check(ctx context.Context, runtime *client.Client) error {
	service, err := runtime.Status(ctx, w.service)
	if err != nil {
		return err
	}
	if service.Name != w.service {
		return &usageError{fmt.Sprintf("%s is one instance of %s: scale the service", w.service, service.Name)}
	}
	return supervisor.CheckReplicas(w.service, service.Singleton, w.replicas)
}

func parseScalings(words []string) ([]scaling, error) {
	if len(words) == 0 {
		return nil, errors.New("how many of what? like `ocis scale webdav=2`")
	}
	var wishes []scaling
	for _, word := range words {
		service, replicas, err := supervisor.ParseReplicas(word)
		if err == nil {
			err = supervisor.CheckReplicas(service, false, replicas)
		}
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(wishes, func(w scaling) bool { return w.service == service }) {
			return nil, fmt.Errorf("%s is there twice", service)
		}
		wishes = append(wishes, scaling{service, replicas})
	}
	return wishes, nil
}
