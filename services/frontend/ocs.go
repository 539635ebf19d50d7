package frontend

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// ocsVersion is one of the two versions of OCS. They differ in their codes: version 1 has
// its own and says 200 in HTTP nearly always, version 2 uses those of HTTP.
type ocsVersion struct {
	path string
	http bool // codes of HTTP
}

var (
	ocsV1 = ocsVersion{path: "/ocs/v1.php"}
	ocsV2 = ocsVersion{path: "/ocs/v2.php", http: true}
)

// ocsMeta says how a request went.
type ocsMeta struct {
	Status     string `json:"status" xml:"status"`
	StatusCode int    `json:"statuscode" xml:"statuscode"`
	Message    string `json:"message" xml:"message"`

	httpStatus int
}

func (v ocsVersion) ok() ocsMeta {
	if v.http {
		return ocsMeta{Status: "ok", StatusCode: 200, Message: "OK", httpStatus: http.StatusOK}
	}
	return ocsMeta{Status: "ok", StatusCode: 100, Message: "OK", httpStatus: http.StatusOK}
}

func (v ocsVersion) unauthorized() ocsMeta {
	// Also in version 1 clients need the HTTP status to ask for a login.
	meta := ocsMeta{Status: "failure", StatusCode: 997, Message: "Unauthorised", httpStatus: http.StatusUnauthorized}
	if v.http {
		meta.StatusCode = http.StatusUnauthorized
	}
	return meta
}

func (v ocsVersion) notFound() ocsMeta {
	if v.http {
		return ocsMeta{Status: "failure", StatusCode: 404, Message: "Not found", httpStatus: http.StatusNotFound}
	}
	return ocsMeta{Status: "failure", StatusCode: 998, Message: "Invalid query, please check the syntax.", httpStatus: http.StatusOK}
}

// envelope is what every OCS answer is wrapped in.
type envelope struct {
	XMLName xml.Name `json:"-" xml:"ocs"`
	Meta    ocsMeta  `json:"meta" xml:"meta"`
	Data    any      `json:"data" xml:"data,omitempty"`
}

// endpoint answers in the format that the request asks for: XML, unless it says JSON.
func endpoint(version ocsVersion, answer func(*http.Request) (any, ocsMeta)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, meta := answer(r)
		body, contentType, err := encode(wantsJSON(r), envelope{Meta: meta, Data: data})
		if err != nil {
			http.Error(w, fmt.Sprintf("encode the answer of %s: %v", version.path, err), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(meta.httpStatus)
		_, _ = w.Write(body) // a client that is gone needs no answer
	})
}

func wantsJSON(r *http.Request) bool {
	if format := r.URL.Query().Get("format"); format != "" {
		return format == "json"
	}
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

func encode(asJSON bool, e envelope) (body []byte, contentType string, err error) {
	if asJSON {
		if e.Data == nil {
			e.Data = []any{} // what PHP makes of nothing, and clients expect
		}
		body, err = json.Marshal(map[string]envelope{"ocs": e})
		return body, "application/json; charset=utf-8", err
	}
	body, err = xml.MarshalIndent(e, "", " ")
	return append([]byte(xml.Header), body...), "text/xml; charset=utf-8", err
}
