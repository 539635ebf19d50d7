package frontend

import (
	"encoding/json"
	"net/http"
)

// The version that clients see. Android wants at least 10 (owncloud/android#3623), and so
// do the desktop clients; productversion tells newer ones what this really is.
const (
	legacyVersion       = "10.11.0.0"
	legacyVersionString = "10.11.0"
	productName         = "ocis"
	productVersion      = "0.1.0"
)

// status is the answer of status.php, and a part of the capabilities.
type status struct {
	Installed      bool   `json:"installed" xml:"installed"`
	Maintenance    bool   `json:"maintenance" xml:"maintenance"`
	NeedsDBUpgrade bool   `json:"needsDbUpgrade" xml:"needsDbUpgrade"`
	Version        string `json:"version" xml:"version"`
	VersionString  string `json:"versionstring" xml:"versionstring"`
	Edition        string `json:"edition" xml:"edition"`
	ProductName    string `json:"productname" xml:"productname"`
	Product        string `json:"product" xml:"product"`
	ProductVersion string `json:"productversion" xml:"productversion"`
}

func newStatus(maintenance bool) status {
	return status{
		Installed:      true,
		Maintenance:    maintenance,
		Version:        legacyVersion,
		VersionString:  legacyVersionString,
		Edition:        "Community",
		ProductName:    productName,
		Product:        productName,
		ProductVersion: productVersion,
	}
}

// ServeHTTP implements http.Handler. It is JSON whatever the client asks for.
func (s status) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	data, err := json.Marshal(s)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	// A client that is gone needs no answer.
	_, _ = w.Write(data)
}
