package webdav

import (
	"encoding/xml"
	"net/http"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// change is one property that a PROPPATCH sets or removes.
type change struct {
	name   xml.Name
	remove bool
	inner  string
	text   string
	lang   string
	status int // 0: it can be done
}

// times are the properties with which clients set the modification time.
var times = map[xml.Name]func(string) (int64, error){
	dav("lastmodified"):    parseMtime, // rclone
	dav("getlastmodified"): parseHTTPTime,
	{Space: "urn:schemas-microsoft-com:", Local: "Win32LastModifiedTime"}: parseHTTPTime,
}

// offered are properties that clients send along with others, and that stay what they are:
// rclone sends the checksums of the content with the modification time.
var offered = map[xml.Name]bool{oc("checksums"): true}

func parseHTTPTime(text string) (int64, error) {
	t, err := http.ParseTime(text)
	if err != nil {
		return parseMtime(text)
	}
	return t.UnixNano(), nil
}

func proppatch(w http.ResponseWriter, r *request) error {
	changes, err := r.changes()
	if err != nil {
		return err
	}
	conditions, err := r.conditions()
	if err != nil {
		return err
	}
	request, refused := plan(changes)
	request.Path, request.Conditions = r.path, conditions
	folder := r.folder
	if !refused {
		ctx, cancel := r.change()
		defer cancel()
		entry, err := r.handler.storage.SetProperties(ctx, request)
		if err != nil {
			return err
		}
		folder = entry.Type == storageapi.Type_TYPE_DIRECTORY
	}
	m := newMultistatus()
	m.open(href(r.root, r.path, folder))
	m.outcome(changes, refused)
	m.close()
	m.send(w)
	return nil
}

// changes reads the body of a PROPPATCH, in its order (RFC 4918, section 9.2).
func (r *request) changes() ([]change, error) {
	root, err := r.readXML()
	if err != nil {
		return nil, err
	}
	if !root.is("propertyupdate") {
		return nil, &davError{status: http.StatusBadRequest, message: "a propertyupdate is needed in the body"}
	}
	var changes []change
	for _, action := range root.children {
		prop := action.find("prop")
		if prop == nil || !action.is("set") && !action.is("remove") {
			continue
		}
		for _, p := range prop.children {
			inner, err := p.value()
			if err != nil {
				return nil, err
			}
			changes = append(changes, change{name: p.Name, remove: action.is("remove"), inner: inner, text: p.text, lang: p.lang})
		}
	}
	if len(changes) == 0 {
		return nil, &davError{status: http.StatusBadRequest, message: "the body changes nothing"}
	}
	return changes, nil
}

// plan turns the changes into one call, or marks those that are refused: then none is
// carried out.
func plan(changes []change) (request *storageapi.SetPropertiesRequest, refused bool) {
	request = &storageapi.SetPropertiesRequest{}
	for i := range changes {
		c := &changes[i]
		if parse, isTime := times[c.name]; isTime && !c.remove {
			mtime, err := parse(c.text)
			if err != nil {
				c.status, refused = http.StatusConflict, true
				continue
			}
			// 0 means that the time is kept, so the epoch itself is off by one.
			request.MtimeUnixNano = max(mtime, int64(time.Nanosecond))
			continue
		}
		if offered[c.name] && !c.remove {
			continue
		}
		if _, protected := live[c.name]; protected {
			c.status, refused = http.StatusForbidden, true
			continue
		}
		request.Changes = append(request.Changes, &storageapi.PropertyChange{
			Remove:   c.remove,
			Property: &storageapi.Property{Namespace: c.name.Space, Name: c.name.Local, InnerXml: []byte(c.inner), Lang: c.lang},
		})
	}
	return request, refused
}

// outcome says what became of each property: all done, or none.
func (m *multistatus) outcome(changes []change, refused bool) {
	groups := map[int][]xml.Name{}
	for _, c := range changes {
		status := c.status
		switch {
		case status == 0 && refused:
			status = http.StatusFailedDependency
		case status == 0:
			status = http.StatusOK
		}
		groups[status] = append(groups[status], c.name)
	}
	for _, status := range []int{http.StatusOK, http.StatusForbidden, http.StatusConflict, http.StatusFailedDependency} {
		if len(groups[status]) == 0 {
			continue
		}
		m.openProps()
		for _, name := range groups[status] {
			m.empty(name)
		}
		m.propstat(status)
	}
}
