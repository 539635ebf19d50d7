package main

import (
	"slices"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/frontend"
	"github.com/owncloud/ocis-runtime/services/nats"
	"github.com/owncloud/ocis-runtime/services/proxy"
	"github.com/owncloud/ocis-runtime/services/storage"
	"github.com/owncloud/ocis-runtime/services/thumbnails"
	"github.com/owncloud/ocis-runtime/services/users"
	"github.com/owncloud/ocis-runtime/services/web"
	"github.com/owncloud/ocis-runtime/services/webdav"
)

// builtin is a service that is linked into this binary.
type builtin struct {
	name    string
	summary string
	new     func(*config.Source) (plugins.Service, error)
}

// family are the built-in services. A new one is a folder and a line here.
var family = []builtin{
	{nats.Name, nats.Summary, nats.New},
	{users.Name, users.Summary, users.New},
	{storage.Name, storage.Summary, storage.New},
	{thumbnails.Name, thumbnails.Summary, thumbnails.New},
	{webdav.Name, webdav.Summary, webdav.New},
	{frontend.Name, frontend.Summary, frontend.New},
	{web.Name, web.Summary, web.New},
	{proxy.Name, proxy.Summary, proxy.New},
}

// build makes a service; all built-in ones have the version of the binary.
func (b builtin) build(src *config.Source) (plugins.Service, error) {
	service, err := b.new(src)
	if err != nil {
		return plugins.Service{}, err
	}
	service.Version = versionOf().Version
	return service, nil
}

// sections are the sections of ocis.yaml that somebody reads.
func sections() []string {
	names := slices.Clone(config.CommonSections)
	for _, service := range family {
		names = append(names, service.name)
	}
	return names
}
