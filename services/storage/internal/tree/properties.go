package tree

import (
	"context"
	"net/http"
	"slices"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// maxProperties bounds the bytes of an entry's dead properties: all of them are read
// with every listing.
const maxProperties = 64 << 10

// SetProperties changes dead properties, and the date of modification. An entry's own
// etag changes with its date only: it stands for what GET returns. Those above change
// in any case.
func (t *Tree) SetProperties(ctx context.Context, owner string, request *storageapi.SetPropertiesRequest) (*storageapi.Entry, error) {
	path, err := parse(request.GetPath())
	if err != nil {
		return nil, err
	}
	var entry *storageapi.Entry
	err = t.extend(ctx, owner, func(x *tx, root node) error {
		at, err := x.locate(root, path)
		if err != nil {
			return err
		}
		if err := x.holds(&at, request.GetConditions()); err != nil {
			return err
		}
		if !at.found {
			return errNotFound(path)
		}
		if err := x.unlocked(root.entry.ID, path, request.GetConditions().GetLockTokens()); err != nil {
			return err
		}
		n := *at.last()
		if n.entry.Properties, err = changed(n.entry.Properties, request.GetChanges()); err != nil {
			return err
		}
		if modified := request.GetMtimeUnixNano(); modified != 0 && modified != n.entry.Modified {
			n.entry.Modified, n.entry.Tag = modified, newTag()
		}
		response, err := x.finish(&at, &n, effect{}, kindProperties)
		entry = response.GetEntry()
		return err
	})
	return entry, err
}

// changed applies changes, in order, to a copy of properties.
func changed(properties []*storageapi.Property, changes []*storageapi.PropertyChange) ([]*storageapi.Property, error) {
	properties = slices.Clone(properties)
	for _, change := range changes {
		property := change.GetProperty()
		if property.GetName() == "" {
			return nil, refuse(http.StatusBadRequest, "a property has no name")
		}
		i := slices.IndexFunc(properties, func(p *storageapi.Property) bool {
			return p.GetNamespace() == property.GetNamespace() && p.GetName() == property.GetName()
		})
		switch {
		case change.GetRemove() && i >= 0:
			properties = slices.Delete(properties, i, i+1)
		case change.GetRemove():
		case i >= 0:
			properties[i] = property
		default:
			properties = append(properties, property)
		}
	}
	size := 0
	for _, p := range properties {
		size += len(p.GetNamespace()) + len(p.GetName()) + len(p.GetInnerXml()) + len(p.GetLang())
	}
	if size > maxProperties {
		return nil, refuse(http.StatusInsufficientStorage, "the properties have %d bytes, more than %d", size, maxProperties)
	}
	return properties, nil
}
