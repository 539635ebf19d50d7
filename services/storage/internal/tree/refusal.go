package tree

import (
	"fmt"
	"net/http"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
)

// Refusal is an answer that the client has to do something about. Everything else that
// comes back as an error is a failure of the server.
type Refusal struct {
	Status int // of HTTP
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

func refuse(status int, format string, args ...any) error {
	return &Refusal{Status: status, Reason: fmt.Sprintf(format, args...)}
}

func errNotFound(path paths.Path) error {
	return refuse(http.StatusNotFound, "%s does not exist", path)
}

func errNoParent(path paths.Path) error {
	return refuse(http.StatusConflict, "%s is not a folder", path.Parent())
}

func errCondition(path paths.Path) error {
	return refuse(http.StatusPreconditionFailed, "a condition on %s does not hold", path)
}

func errExists(path paths.Path) error {
	return refuse(http.StatusPreconditionFailed, "%s exists", path)
}

func errLocked(path paths.Path) error {
	return &Refusal{Status: http.StatusLocked, Reason: storageapi.Locked(path.String())}
}

func errConflicting(path paths.Path) error {
	return &Refusal{Status: http.StatusLocked, Reason: storageapi.Conflicting(path.String())}
}

// parse is paths.Parse with the refusal that its error means.
func parse(text string) (paths.Path, error) {
	path, err := paths.Parse(text)
	if err != nil {
		return "", refuse(http.StatusBadRequest, "%v", err)
	}
	return path, nil
}
