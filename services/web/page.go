package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	microregistry "go-micro.dev/v4/registry"

	"github.com/owncloud/ocis-runtime/plugins/registry"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var style string

// page is parsed at the first request, not at every process's start.
var page = sync.OnceValues(func() (*template.Template, error) {
	return template.New("page").Parse(pageSource)
})

// policy allows the page's own style and nothing else.
var policy = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
})

// site serves the page.
type site struct {
	services func() []*microregistry.Service
	log      *logrus.Entry
}

// view is what the template shows.
type view struct {
	Status   int // 200, or 404 for any other address
	Style    template.CSS
	Base     string // "https://host:port"
	Host     string
	User     string
	Services []row
	AllReady bool
	Now      string // when the services were looked at
}

// row is one service.
type row struct {
	Name, Does string
	Ready      bool
	Nodes      string // how many, when more than one
}

// ServeHTTP implements http.Handler.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this page can only be read", http.StatusMethodNotAllowed)
		return
	}
	status := http.StatusOK
	if r.URL.Path != "/" {
		status = http.StatusNotFound
	}
	var body bytes.Buffer
	tmpl, err := page()
	if err == nil {
		err = tmpl.Execute(&body, s.view(r, status))
	}
	if err != nil {
		s.log.WithError(err).Error("the page cannot be made")
		http.Error(w, "the page cannot be made; the log of web says why", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy())
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		_, _ = w.Write(body.Bytes()) // the browser may be gone
	}
}

func (s *site) view(r *http.Request, status int) view {
	scheme := "http"
	if r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	v := view{Status: status, Style: template.CSS(style), Base: scheme + "://" + r.Host, Host: r.Host, User: "admin", Now: time.Now().UTC().Format("15:04:05 UTC")}
	v.Services, v.AllReady = rows(s.services())
	return v
}

// rows joins the services that runtimes keep with those that are ready. all tells that
// none is missing.
func rows(listed []*microregistry.Service) (list []row, all bool) {
	does, nodes := make(map[string]string), make(map[string]int)
	for _, service := range listed {
		nodes[service.Name] = len(service.Nodes)
		if _, kept := does[service.Name]; !kept {
			does[service.Name] = "" // until a runtime says more
		}
		for _, node := range service.Nodes {
			for key, value := range node.Metadata {
				if name, ok := strings.CutPrefix(key, registry.Keeps); ok {
					does[name] = value
				}
			}
		}
	}
	all = len(listed) > 0
	for _, name := range slices.Sorted(maps.Keys(does)) {
		shown := newRow(name, does[name], nodes[name])
		all = all && shown.Ready
		list = append(list, shown)
	}
	return list, all
}

func newRow(name, does string, nodes int) row {
	shown := row{Name: name, Does: does, Ready: nodes > 0}
	if nodes > 1 {
		shown.Nodes = strconv.Itoa(nodes)
	}
	return shown
}
