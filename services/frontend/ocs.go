package frontend

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"

	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// ocsEndpoint answers one version of the OCS API. Version 1 always has HTTP status 200 and says
// what it means in the envelope; version 2 uses the HTTP status.
type ocsEndpoint struct {
	version  int
	settings Settings
}

// envelope is around every OCS answer.
type envelope struct {
	XMLName xml.Name `json:"-" xml:"ocs"`
	Meta    meta     `json:"meta" xml:"meta"`
	Data    any      `json:"data" xml:"data"`
}

type meta struct {
	Status     string `json:"status" xml:"status"`
	StatusCode int    `json:"statuscode" xml:"statuscode"`
	Message    string `json:"message" xml:"message"`
}

// OCS status codes (Open Collaboration Services 1.7) and those of version 1.
const (
	ocsOK           = 100
	ocsUnauthorized = 997
	ocsNotFound     = 998
)

func (o ocsEndpoint) prefix() string { return fmt.Sprintf("/ocs/v%d.php", o.version) }

func (o ocsEndpoint) capabilities(w http.ResponseWriter, r *http.Request) {
	o.answer(w, r, newCapabilities(o.settings))
}

// userData is what clients show of the user.
type userData struct {
	ID          string `json:"id" xml:"id"`
	DisplayName string `json:"display-name" xml:"display-name"`
	Email       string `json:"email" xml:"email"`
}

func (o ocsEndpoint) user(w http.ResponseWriter, r *http.Request) {
	claims, _ := token.FromContext(r.Context())
	if claims.Subject == "" {
		o.fail(w, r, http.StatusUnauthorized, ocsUnauthorized, "log in first")
		return
	}
	o.answer(w, r, userData{ID: claims.Username, DisplayName: claims.DisplayName, Email: claims.Email})
}

// serverConfig is the oldest call of OCS.
type serverConfig struct {
	Version string `json:"version" xml:"version"`
	Website string `json:"website" xml:"website"`
	Host    string `json:"host" xml:"host"`
	Contact string `json:"contact" xml:"contact"`
	SSL     string `json:"ssl" xml:"ssl"`
}

func (o ocsEndpoint) config(w http.ResponseWriter, r *http.Request) {
	ssl := "false"
	if r.Header.Get("X-Forwarded-Proto") == "https" {
		ssl = "true"
	}
	o.answer(w, r, serverConfig{Version: "1.7", Website: "ownCloud", Host: r.Host, SSL: ssl})
}

func (o ocsEndpoint) unknown(w http.ResponseWriter, r *http.Request) {
	o.fail(w, r, http.StatusNotFound, ocsNotFound, "this call is not served here")
}

func (o ocsEndpoint) answer(w http.ResponseWriter, r *http.Request, data any) {
	code := ocsOK
	if o.version > 1 {
		code = http.StatusOK
	}
	o.send(w, r, http.StatusOK, envelope{Meta: meta{Status: "ok", StatusCode: code, Message: "OK"}, Data: data})
}

func (o ocsEndpoint) fail(w http.ResponseWriter, r *http.Request, status, code int, message string) {
	if o.version > 1 {
		code = status
	} else {
		status = http.StatusOK
	}
	o.send(w, r, status, envelope{Meta: meta{Status: "failure", StatusCode: code, Message: message}, Data: []string{}})
}

// send writes XML, the default of OCS, or JSON with ?format=json.
func (o ocsEndpoint) send(w http.ResponseWriter, r *http.Request, status int, e envelope) {
	if r.URL.Query().Get("format") == "json" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]envelope{"ocs": e}) // the client may be gone
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(xml.Header))
	_ = xml.NewEncoder(w).Encode(e)
}
