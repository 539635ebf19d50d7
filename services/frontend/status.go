package frontend

import (
	"encoding/json"
	"net/http"
)

// The version of the ownCloud API that is served. Clients compare it: the Android app wants
// 10 or later.
const (
	apiVersion     = "10.11.0.0"
	apiString      = "10.11.0"
	productName    = "Infinite Scale"
	productVersion = "7.0.0"
)

// serverStatus is what /status.php says, and the capabilities repeat.
type serverStatus struct {
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

func (s Settings) serverStatus() serverStatus {
	return serverStatus{
		Installed: true, Maintenance: s.Maintenance, Version: apiVersion, VersionString: apiString, Edition: "Community",
		ProductName: productName, Product: productName, ProductVersion: productVersion,
	}
}

func (s Settings) status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.serverStatus()) // the client may be gone
}
