package webdav

import (
	"encoding/xml"
	"net/http"
	"path"
	"strconv"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// resource is one entry of an answer, with what its properties need.
type resource struct {
	*storageapi.Entry
	request *request
	usage   *storageapi.UsageResponse // nil: nobody asked for the quota
	trashed *storageapi.TrashItem     // nil: it is not in the trash
}

// href is the resource's address.
func (r *resource) href() string {
	path := r.Path
	if r.trashed != nil {
		path = "/" + r.trashed.Id
	}
	return href(r.request.root, path, r.isFolder())
}

func (r *resource) isFolder() bool { return r.Type == storageapi.Type_TYPE_DIRECTORY }

// name is the last segment of the path; the root has none.
func (r *resource) name() string {
	if r.Path == "/" {
		return ""
	}
	return path.Base(r.Path)
}

// property writes the value of a live property; false: the resource has no such property.
type property func(m *multistatus, r *resource) bool

func dav(local string) xml.Name { return xml.Name{Space: davSpace, Local: local} }
func oc(local string) xml.Name  { return xml.Name{Space: ocSpace, Local: local} }

var (
	resourceType   = dav("resourcetype")
	quotaUsed      = dav("quota-used-bytes")
	quotaAvailable = dav("quota-available-bytes")
)

// live are the properties that are computed. A client cannot write them, but for those
// that proppatch knows.
var live = map[xml.Name]property{
	resourceType: func(m *multistatus, r *resource) bool {
		if r.isFolder() {
			m.WriteString("<d:collection/>")
		}
		return true
	},
	dav("displayname"):     func(m *multistatus, r *resource) bool { m.text(r.name()); return true },
	dav("getetag"):         func(m *multistatus, r *resource) bool { m.text(`"` + r.Etag + `"`); return true },
	dav("getlastmodified"): func(m *multistatus, r *resource) bool { m.time(r.MtimeUnixNano, http.TimeFormat); return true },
	dav("creationdate"):    func(m *multistatus, r *resource) bool { m.time(r.CreatedUnixNano, time.RFC3339); return true },
	dav("getcontentlength"): func(m *multistatus, r *resource) bool {
		if r.isFolder() {
			return false
		}
		m.number(r.Size)
		return true
	},
	dav("getcontenttype"): func(m *multistatus, r *resource) bool {
		if r.isFolder() {
			return false
		}
		m.text(contentType(r.name()))
		return true
	},
	dav("supportedlock"): func(m *multistatus, _ *resource) bool { m.WriteString(supportedLock); return true },
	dav("lockdiscovery"): func(m *multistatus, r *resource) bool { m.locks(r.request.root, r.Locks); return true },
	quotaUsed: func(m *multistatus, r *resource) bool {
		if !r.isFolder() || r.usage == nil {
			return false
		}
		m.number(r.usage.UsedBytes)
		return true
	},
	quotaAvailable: func(m *multistatus, r *resource) bool {
		if !r.isFolder() || r.usage == nil {
			return false
		}
		m.number(r.usage.AvailableBytes)
		return true
	},
	oc("id"):     func(m *multistatus, r *resource) bool { m.text(r.Id); return true },
	oc("fileid"): func(m *multistatus, r *resource) bool { m.text(r.Id); return true },
	oc("name"):   func(m *multistatus, r *resource) bool { m.text(r.name()); return true },
	oc("size"):   func(m *multistatus, r *resource) bool { m.number(r.Size); return true },
	oc("permissions"): func(m *multistatus, r *resource) bool {
		m.WriteString(permissions(r.isFolder()))
		return true
	},
	oc("checksums"): func(m *multistatus, r *resource) bool {
		sums := checksums(r.Checksums)
		if sums == "" {
			return false
		}
		m.WriteString("<oc:checksum>" + sums + "</oc:checksum>")
		return true
	},
	oc("owner-id"):           func(m *multistatus, r *resource) bool { m.text(r.request.user.Username); return true },
	oc("owner-display-name"): func(m *multistatus, r *resource) bool { m.text(r.request.user.DisplayName); return true },
	oc("favorite"):           func(m *multistatus, _ *resource) bool { m.WriteString("0"); return true },
	oc("share-types"):        func(*multistatus, *resource) bool { return true },
	oc("tags"):               func(*multistatus, *resource) bool { return true },
	oc("downloadURL"):        func(*multistatus, *resource) bool { return true },
	oc("dDC"):                func(*multistatus, *resource) bool { return true },
	trashFilename:            trashValue(func(item *storageapi.TrashItem) string { return path.Base(item.OriginalPath) }),
	trashLocation:            trashValue(func(item *storageapi.TrashItem) string { return item.OriginalPath[1:] }),
	trashTimestamp:           trashValue(func(item *storageapi.TrashItem) string { return strconv.FormatInt(item.DeletedUnix, 10) }),
	trashDatetime: trashValue(func(item *storageapi.TrashItem) string {
		return time.Unix(item.DeletedUnix, 0).UTC().Format(http.TimeFormat)
	}),
	oc("data-fingerprint"): func(_ *multistatus, r *resource) bool { return r.Path == "/" },
}

// permissions are what the owner may do: everything, in the letters of oCIS.
func permissions(folder bool) string {
	if folder {
		return "RDNVCKZP"
	}
	return "RDNVWZP"
}

// always are the live properties of allprop, in their order: those of RFC 4918 and
// what sync clients cannot do without. The quota must be asked for by name.
var always = []xml.Name{
	dav("resourcetype"), dav("displayname"), dav("getcontentlength"), dav("getcontenttype"), dav("getetag"),
	dav("getlastmodified"), dav("creationdate"), dav("supportedlock"), dav("lockdiscovery"),
	oc("id"), oc("fileid"), oc("permissions"), oc("size"), oc("checksums"),
}

func (m *multistatus) number(n uint64) {
	m.Write(strconv.AppendUint(m.AvailableBuffer(), n, 10))
}

func (m *multistatus) time(unixNano int64, layout string) {
	m.Write(time.Unix(0, unixNano).UTC().AppendFormat(m.AvailableBuffer(), layout))
}

// dead returns a property that a client has set, or nil.
func (r *resource) dead(name xml.Name) *storageapi.Property {
	for _, p := range r.Properties {
		if p.Namespace == name.Space && p.Name == name.Local {
			return p
		}
	}
	return nil
}

// language returns the xml:lang of a property that a client has set.
func (r *resource) language(name xml.Name) string { return r.dead(name).GetLang() }
