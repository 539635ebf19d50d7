// Package webdav is the service that speaks WebDAV (RFC 4918, classes 1, 2 and 3) with
// the properties and headers that ownCloud clients need.
//
// It owns the protocol: paths, headers, XML, status codes, and the moving of content
// between HTTP and the descriptors that storage hands out. It owns no data and decides
// nothing about files: storage evaluates conditions and locks in the transaction that
// changes something, so any number of webdav processes may run, and any may die.
package webdav

import (
	"context"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/internal/descriptor"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/ration"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

// Name and Summary describe the service.
const (
	Name    = "webdav"
	Summary = "WebDAV for clients"
)

// Names of the storage service and of its socket that hands out descriptors.
const (
	storageName   = "storage"
	contentSocket = "content"
)

// stopGrace lets downloads and uploads come to an end that are under way.
const stopGrace = 30 * time.Second

// New reads the configuration; there is none but the token's key.
func New(src *config.Source) (plugins.Service, error) {
	if err := src.Fill(Name, &struct{}{}); err != nil {
		return plugins.Service{}, err
	}
	verifier, err := token.NewVerifier(src)
	if err != nil {
		return plugins.Service{}, err
	}
	return plugins.Service{
		Declaration: plugins.Declaration{
			Name:         Name,
			Summary:      Summary,
			Needs:        []string{storageName},
			Sockets:      []plugins.Socket{{Network: "unix", Address: src.Paths.Socket(Name, ""), Protocol: "http"}},
			Profile:      microservice.Profile(storageName, thumbnailsapi.Service),
			MemoryWeight: 3,
			StopGrace:    stopGrace,
		},
		Run: func(ctx context.Context, child *plugins.Child) error {
			directory, stop, err := microservice.Discover(child, src)
			if err != nil {
				return err
			}
			defer stop()
			content := descriptor.NewClient(src.Paths.Socket(storageName, contentSocket))
			defer content.Close()
			previews := thumbnailsapi.NewClient(directory)
			defer previews.Close()
			h := &handler{
				storage:  storageapi.NewStorageService(storageName, microservice.NewClient(directory)),
				content:  content,
				previews: previews,
				patience: registry.Patience,
				listings: ration.HalfOfMemory(),
				log:      child.Log(),
			}
			handler := token.Require(verifier, h)
			return microservice.ServeHTTP(ctx, child, "", microservice.WithHealth(child, verifier, handler))
		},
	}, nil
}
