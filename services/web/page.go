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
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"go-micro.dev/v4/registry"
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

// family are the services that the page expects, with what they do for people.
var family = []struct{ name, does string }{
	{"proxy", "the way in: encryption and login"},
	{"webdav", "files, for clients"},
	{"storage", "keeps files and folders"},
	{"users", "accounts and passwords"},
	{"frontend", "answers sync clients' first questions"},
	{"web", "this page"},
	{"nats", "discovery and events"},
}

// site serves the page.
type site struct {
	services func() []*registry.Service
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

// rows joins the family with what the registry lists; others than the family come last.
func rows(listed []*registry.Service) ([]row, bool) {
	nodes := make(map[string]int, len(listed))
	for _, service := range listed {
		nodes[service.Name] = len(service.Nodes)
	}
	list, all := make([]row, 0, len(listed)), true
	for _, member := range family {
		shown := newRow(member.name, member.does, nodes[member.name])
		all = all && shown.Ready
		list = append(list, shown)
		delete(nodes, member.name)
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		does := "a plugin"
		if name == "runtime" { // there unless somebody started the services by hand
			does = "keeps all the others alive"
		}
		list = append(list, newRow(name, does, nodes[name]))
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
