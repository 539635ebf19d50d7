package webdav

import (
	"context"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// wanted is what a PROPFIND asks for.
type wanted struct {
	all   bool // allprop
	names bool // propname
	props []xml.Name
}

// quota tells whether the answer needs the usage of the disk.
func (q wanted) quota() bool {
	return slices.Contains(q.props, quotaUsed) || slices.Contains(q.props, quotaAvailable)
}

func propfind(w http.ResponseWriter, r *request) error {
	depth, query, err := r.question()
	if err != nil {
		return err
	}
	conditions, err := r.conditions()
	if err != nil {
		return err
	}
	found, err := read(r, func(ctx context.Context) (found, error) {
		return r.find(ctx, depth, conditions, query)
	})
	if err != nil {
		return err
	}
	defer found.share.Return()
	answer(w, query, func(yield func(*resource) bool) {
		for entry := range found.handOut() {
			if !yield(&resource{Entry: entry, request: r, usage: found.usage}) {
				return
			}
		}
	})
	return nil
}

// question reads what a PROPFIND asks, and to which depth: "0" or "1".
func (r *request) question() (depth string, query wanted, err error) {
	switch depth = r.Header.Get("Depth"); depth {
	case "0", "1":
	case "", "infinity", "Infinity":
		return "", wanted{}, &davError{status: http.StatusForbidden, message: "ask for Depth 0 or 1", precondition: "propfind-finite-depth"}
	default:
		return "", wanted{}, &davError{status: http.StatusBadRequest, message: "Depth is 0 or 1"}
	}
	query, err = r.query()
	return depth, query, err
}

// found is all that an answer is made of. It is read as a whole before the answer begins,
// so that it can be read again when storage is replaced in the middle.
type found struct {
	listing
	usage *storageapi.UsageResponse // nil: nobody asks for the quota
}

// find reads a resource and, with depth 1, what is in it.
func (r *request) find(ctx context.Context, depth string, conditions *storageapi.Conditions, query wanted) (f found, err error) {
	if query.quota() {
		if f.usage, err = r.handler.storage.Usage(ctx, &storageapi.UsageRequest{}); err != nil {
			return f, err
		}
	}
	if depth == "0" {
		entry, err := r.handler.storage.Stat(ctx, &storageapi.StatRequest{Path: r.path, Conditions: conditions})
		f.listing = listing{entries: []*storageapi.Entry{entry}}
		return f, err
	}
	f.listing, err = r.list(ctx, &storageapi.ListRequest{Path: r.path, Conditions: conditions})
	return f, err
}

// query reads the body of a PROPFIND; none means allprop (RFC 4918, section 9.1).
func (r *request) query() (wanted, error) {
	root, err := r.readXML()
	if err != nil || root == nil {
		return wanted{all: true}, err
	}
	bad := &davError{status: http.StatusBadRequest, message: "the body asks for nothing that PROPFIND knows"}
	if !root.is("propfind") {
		return wanted{}, bad
	}
	switch {
	case root.find("propname") != nil:
		return wanted{names: true}, nil
	case root.find("allprop") != nil:
		props, err := names(root.find("include"))
		return wanted{all: true, props: props}, err
	case root.find("prop") != nil:
		props, err := names(root.find("prop"))
		return wanted{props: props}, err
	}
	return wanted{}, bad
}

// maxProps is how many properties a PROPFIND may name: the answer repeats each of them, there
// or not, for everything in a folder. Clients name about twenty.
const maxProps = 256

// names returns the names in an element, which may be nil, each once.
func names(parent *element) ([]xml.Name, error) {
	if parent == nil {
		return nil, nil
	}
	list := make([]xml.Name, 0, min(len(parent.children), maxProps))
	seen := make(map[xml.Name]bool, cap(list))
	for _, child := range parent.children {
		if seen[child.Name] {
			continue
		}
		if len(list) == maxProps {
			return nil, errTooManyProps
		}
		seen[child.Name] = true
		list = append(list, child.Name)
	}
	return list, nil
}

var errTooManyProps = &davError{status: http.StatusBadRequest, message: "a PROPFIND may ask for " + strconv.Itoa(maxProps) + " properties at most"}

// resource writes the response about one resource.
func (m *multistatus) resource(r *resource, q wanted) {
	m.open(r.href())
	switch {
	case q.names:
		m.propertyNames(r)
	case q.all:
		m.found(r, slices.Concat(always, deadNames(r), without(q.props, always)))
	default:
		m.missing(r, m.found(r, q.props))
	}
	m.close()
}

// found writes those of the properties that the resource has, and returns the others.
func (m *multistatus) found(r *resource, props []xml.Name) (missing []xml.Name) {
	start := m.Len()
	m.openProps()
	any := false
	for _, name := range props {
		before := m.Len()
		end := m.tagIn(name, r.language(name))
		if m.value(r, name) {
			m.WriteString(end)
			any = true
			continue
		}
		m.Truncate(before)
		missing = append(missing, name)
	}
	if !any && len(missing) > 0 {
		m.Truncate(start)
		return missing
	}
	m.propstat(http.StatusOK)
	return missing
}

// value writes a property's value; false: there is no such property.
func (m *multistatus) value(r *resource, name xml.Name) bool {
	if write, ok := live[name]; ok {
		return (r.Id != "" || aboveProps[name]) && write(m, r)
	}
	p := r.dead(name)
	m.Write(p.GetInnerXml())
	return p != nil
}

func (m *multistatus) missing(_ *resource, props []xml.Name) {
	if len(props) == 0 {
		return
	}
	m.openProps()
	for _, name := range props {
		m.empty(name)
	}
	m.propstat(http.StatusNotFound)
}

func (m *multistatus) propertyNames(r *resource) {
	m.openProps()
	for _, name := range slices.Concat(always, deadNames(r)) {
		before := m.Len()
		end := m.tag(name)
		mark := m.Len()
		has := m.value(r, name)
		m.Truncate(mark)
		if !has {
			m.Truncate(before)
			continue
		}
		m.WriteString(end)
	}
	m.propstat(http.StatusOK)
}

func deadNames(r *resource) []xml.Name {
	list := make([]xml.Name, 0, len(r.Properties))
	for _, p := range r.Properties {
		list = append(list, xml.Name{Space: p.Namespace, Local: p.Name})
	}
	return list
}

func without(list, known []xml.Name) []xml.Name {
	return slices.DeleteFunc(slices.Clone(list), func(name xml.Name) bool { return slices.Contains(known, name) })
}
