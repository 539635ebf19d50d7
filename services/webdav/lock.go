package webdav

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

const supportedLock = "<d:lockentry><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockentry>" +
	"<d:lockentry><d:lockscope><d:shared/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockentry>"

func lock(w http.ResponseWriter, r *request) error {
	info, err := r.readXML()
	if err != nil {
		return err
	}
	timeout := lockTimeout(r.Header.Get("Timeout"))
	conditions, err := r.conditions()
	if err != nil {
		return err
	}
	ctx, cancel := r.change()
	defer cancel()
	var response *storageapi.LockResponse
	if info == nil {
		tokens := conditions.GetLockTokens()
		if len(tokens) != 1 {
			return &davError{status: http.StatusBadRequest, message: "to refresh a lock, name its token in the If header"}
		}
		response, err = r.handler.storage.RefreshLock(ctx, &storageapi.RefreshLockRequest{
			Path: r.path, Token: tokens[0], TimeoutSeconds: timeout, Conditions: conditions,
		})
	} else {
		var request *storageapi.LockRequest
		if request, err = r.lockRequest(info); err != nil {
			return err
		}
		request.TimeoutSeconds, request.Conditions = timeout, conditions
		response, err = r.handler.storage.Lock(ctx, request)
	}
	if err != nil {
		return err
	}
	r.answerLock(w, response, info != nil)
	return nil
}

// lockRequest reads a lockinfo (RFC 4918, section 14.11).
func (r *request) lockRequest(info *element) (*storageapi.LockRequest, error) {
	bad := &davError{status: http.StatusBadRequest, message: "a lockinfo with a scope and the type write is needed"}
	if !info.is("lockinfo") {
		return nil, bad
	}
	scope, kind := info.find("lockscope"), info.find("locktype")
	if scope == nil || kind == nil || kind.find("write") == nil {
		return nil, bad
	}
	exclusive, shared := scope.find("exclusive") != nil, scope.find("shared") != nil
	if exclusive == shared {
		return nil, bad
	}
	request := &storageapi.LockRequest{Path: r.path, Exclusive: exclusive}
	switch depth := r.Header.Get("Depth"); {
	case depth == "" || strings.EqualFold(depth, "infinity"):
		request.Infinite = true
	case depth != "0":
		return nil, &davError{status: http.StatusBadRequest, message: "Depth is 0 or infinity"}
	}
	if owner := info.find("owner"); owner != nil {
		var err error
		if request.OwnerXml, err = owner.value(); err != nil {
			return nil, err
		}
	}
	return request, nil
}

func (r *request) answerLock(w http.ResponseWriter, response *storageapi.LockResponse, taken bool) {
	m := document()
	m.WriteString(xml.Header + `<d:prop xmlns:d="DAV:"><d:lockdiscovery>`)
	m.locks(r.root, []*storageapi.ActiveLock{response.Lock})
	m.WriteString("</d:lockdiscovery></d:prop>\n")
	header := w.Header()
	header.Set("Content-Type", "application/xml; charset=utf-8")
	if taken {
		header.Set("Lock-Token", "<"+response.Lock.Token+">")
	}
	status := http.StatusOK
	if response.Created {
		status = http.StatusCreated
	}
	w.WriteHeader(status)
	_, _ = w.Write(m.Bytes()) // the client may be gone
	m.release()
}

func unlock(w http.ResponseWriter, r *request) error {
	header := strings.TrimSpace(r.Header.Get("Lock-Token"))
	token := strings.TrimSuffix(strings.TrimPrefix(header, "<"), ">")
	if token == "" || len(token) != len(header)-2 {
		return &davError{status: http.StatusBadRequest, message: "the Lock-Token header is missing"}
	}
	ctx, cancel := r.change()
	defer cancel()
	if _, err := r.handler.storage.Unlock(ctx, &storageapi.UnlockRequest{Path: r.path, Token: token}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// lockTimeout reads the Timeout header (RFC 4918, section 10.7): the first value that
// is known; 0 leaves it to storage.
func lockTimeout(header string) int64 {
	for value := range strings.SplitSeq(header, ",") {
		value = strings.TrimSpace(value)
		if text, ok := strings.CutPrefix(value, "Second-"); ok {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
				return n
			}
		}
		if value == "Infinite" {
			return 0
		}
	}
	return 0
}

// locks writes active locks (RFC 4918, section 14.1).
func (m *multistatus) locks(root string, locks []*storageapi.ActiveLock) {
	for _, lock := range locks {
		scope, depth := "<d:shared/>", "0"
		if lock.Exclusive {
			scope = "<d:exclusive/>"
		}
		if lock.Infinite {
			depth = "infinity"
		}
		m.WriteString("<d:activelock><d:locktype><d:write/></d:locktype><d:lockscope>" + scope + "</d:lockscope><d:depth>" + depth + "</d:depth>")
		if lock.OwnerXml != "" {
			m.WriteString("<d:owner>" + lock.OwnerXml + "</d:owner>")
		}
		m.WriteString("<d:timeout>Second-" + strconv.FormatInt(lock.TimeoutSeconds, 10) + "</d:timeout><d:locktoken><d:href>")
		m.text(lock.Token)
		m.WriteString("</d:href></d:locktoken><d:lockroot><d:href>" + href(root, lock.Root, false) + "</d:href></d:lockroot></d:activelock>")
	}
}
