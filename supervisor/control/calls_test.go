package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
)

func TestTheSocketIsForItsOwnerAlone(t *testing.T) {
	s := start(t, "/nonexistent")
	info, err := os.Stat(s.socket)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %o", info.Mode().Perm())
	}
	for _, c := range []struct {
		peer, own int
		may       bool
	}{{1000, 1000, true}, {0, 1000, true}, {0, 0, true}, {1001, 1000, false}, {1000, 0, false}, {-1, 1000, false}} {
		if mayControl(c.peer, c.own) != c.may {
			t.Errorf("user %d at the runtime of user %d: want %v", c.peer, c.own, c.may)
		}
	}
}

func TestAStrangerIsRefused(t *testing.T) {
	s := start(t, "/nonexistent")
	for _, peer := range []any{nil, false} {
		answer := httptest.NewRecorder()
		request := httptest.NewRequest("GET", "/v1/services", nil)
		request = request.WithContext(context.WithValue(request.Context(), peerKey{}, peer))
		s.server.routes().ServeHTTP(answer, request)
		if answer.Code != http.StatusForbidden || !strings.Contains(answer.Body.String(), "another user") {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	}
}

func TestAServiceIsStoppedStartedReplacedAndCrashed(t *testing.T) {
	s, ctx := startFamily(t), t.Context()
	first, err := s.Status(ctx, "web")
	if err != nil {
		t.Fatal(err)
	}
	was := first.Instances[0]
	if was.Status != client.StatusReady || was.Pid == 0 || first.Summary != "a page" || first.NeededBy[0] != "frontend" {
		t.Errorf("%+v", first)
	}
	killed, err := s.Kill(ctx, "web")
	if err != nil || killed.Instances[0].Status != client.StatusStopped || killed.Instances[0].Pid != 0 {
		t.Errorf("kill: %v %+v", err, killed)
	}
	if exit := s.awaitExit(t, was.Pid); !exit.Expected || exit.Code != 0 {
		t.Errorf("exit after a kill: %+v", exit)
	}
	for n, call := range []func(context.Context, string) (client.Service, error){s.Run, s.Restart} {
		now, err := call(ctx, "web")
		if err != nil || now.Instances[0].Status != client.StatusReady || now.Instances[0].Incarnation == was.Incarnation {
			t.Errorf("start %d: %v %+v", n, err, now)
		}
		was = now.Instances[0]
	}
	if _, err := s.Crash(ctx, "web", "kill"); err != nil {
		t.Errorf("crash: %v", err)
	}
	exit := s.awaitExit(t, was.Pid)
	if exit.Signal != "SIGKILL" || exit.Code != -1 || exit.Expected {
		t.Errorf("exit after a crash: %+v", exit)
	}
}

// awaitExit follows the events until that process ends.
func (s *site) awaitExit(t *testing.T, pid int) client.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := errors.New("seen")
	var exit client.Exit
	err := s.Events(ctx, 0, true, func(event client.Event) error {
		if event.Kind == client.EventExit && event.Pid == pid {
			exit = *event.Exit
			return seen
		}
		return nil
	})
	if !errors.Is(err, seen) {
		t.Fatalf("process %d did not end: %v", pid, err)
	}
	return exit
}

func TestListAndTreeNameEveryService(t *testing.T) {
	s := startFamily(t)
	list, err := s.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Service != "frontend" || list[1].Instance != "web-1" || list[1].Node != "here" {
		t.Errorf("%v %+v", err, list)
	}
	tree, err := s.Tree(t.Context())
	if err != nil || len(tree) != 2 || tree[0].Service != "web" || len(tree[0].Needs) != 0 || len(tree[1].Needs) != 1 || tree[1].Needs[0] != "web" {
		t.Errorf("%v %+v", err, tree)
	}
}

func TestEventsGoOnAfterTheGivenNumber(t *testing.T) {
	s := startFamily(t)
	var all, later []client.Event
	collect := func(into *[]client.Event) func(client.Event) error {
		return func(event client.Event) error {
			*into = append(*into, event)
			return nil
		}
	}
	err := errors.Join(s.Events(t.Context(), 0, false, collect(&all)), s.Events(t.Context(), 3, false, collect(&later)))
	if err != nil || len(all) < 4 || len(later) != len(all)-3 || later[0].Sequence != 4 {
		t.Errorf("%v\nall %+v\nlater %+v", err, all, later)
	}
}

func TestLogLinesNameTheirService(t *testing.T) {
	s := startFamily(t)
	heard := map[string]bool{}
	err := s.Logs(t.Context(), client.LogQuery{}, func(line client.LogLine) error {
		if strings.Contains(line.Line, "here I am") {
			heard[line.Service] = true
		}
		return nil
	})
	if err != nil || !heard["web"] || !heard["frontend"] {
		t.Errorf("%v %v", err, heard)
	}
}

func TestStreamsEndWithTheRuntime(t *testing.T) {
	s := start(t, "/nonexistent")
	following, ended := make(chan struct{}), make(chan error, 1)
	var once bool
	s.supervisor.History().Add(client.Event{Kind: client.EventRuntime, Message: "something to read"})
	go func() {
		ended <- s.Events(context.Background(), 0, true, func(client.Event) error {
			if !once {
				once = true
				close(following)
			}
			return nil
		})
	}()
	select {
	case <-following:
	case <-time.After(patience):
		t.Fatal("no event comes")
	}
	if err := s.server.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the stream does not end")
	}
}

func TestErrorsAreJSONThatSaysWhatToDo(t *testing.T) {
	s := startFamily(t)
	for call, want := range map[string]struct {
		code int
		says string
	}{
		"GET /v1/services/wep":                            {404, `did you mean \"web\"?`},
		"POST /v1/services/frontent/restart":              {404, `did you mean \"frontend\"?`},
		"GET /v1/logs?service=wbe":                        {404, `did you mean \"web\"?`},
		"GET /v1/logs?lines=-1":                           {400, "lines=-1"},
		"GET /v1/logs?since=yesterday":                    {400, "10m"},
		"GET /v1/events?since=x":                          {400, "sequence"},
		"GET /v1/events?follow=perhaps":                   {400, "true or false"},
		"POST /v1/services":                               {405, "takes GET"},
		"GET /v1/services/web/kill":                       {405, "takes POST"},
		"POST /v1/services/web/explode":                   {404, "control-api.yaml"},
		"GET /":                                           {404, "control-api.yaml"},
		"GET /v1//services":                               {404, "control-api.yaml"},
		"GET /v1/services/a%2F%2Fb":                       {404, "unknown service"},
		`POST /v1/services/web/crash {"signal":"BANG"}`:   {400, "SIGKILL"},
		`POST /v1/services/web/crash {"signals":"KILL"}`:  {400, "body"},
		`POST /v1/services/web/crash {"signal":`:          {400, "body"},
		"POST /v1/services/web/crash " + longBody():       {400, "too large"},
		`POST /v1/services/web/crash {"signal":"KILL"} x`: {400, "body"},
		"POST /v1/services/web/scale":                     {400, "1 to 64"},
		"POST /v1/services/web/scale {}":                  {400, "1 to 64"},
		`POST /v1/services/web/scale {"replicas":65}`:     {400, "1 to 64"},
		`POST /v1/services/web/scale {"replicas":"two"}`:  {400, "body"},
	} {
		words := strings.SplitN(call, " ", 3)
		body := ""
		if len(words) == 3 {
			body = words[2]
		}
		request, err := http.NewRequest(words[0], "http://runtime"+words[1], strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.plain(t).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var problem client.Error
		err = json.NewDecoder(response.Body).Decode(&problem)
		response.Body.Close()
		quoted, _ := json.Marshal(problem.Message)
		if err != nil || response.StatusCode != want.code || problem.Code != want.code || !strings.Contains(string(quoted), want.says) {
			t.Errorf("%.80s: %v %d %+v", call, err, response.StatusCode, problem)
		}
	}
	if exits := s.supervisor.List()[1].Restarts; exits != 0 {
		t.Error("a refused call did something")
	}
}

func longBody() string { return `{"signal":"` + strings.Repeat("x", 2*maxBodyBytes) + `"}` }

func TestASecondRuntimeDoesNotTakeTheSocket(t *testing.T) {
	s := start(t, "/nonexistent")
	second, err := Listen(s.socket, s.supervisor, nil, logrus.New())
	if err == nil {
		second.Close()
		t.Fatal("two runtimes serve one socket")
	}
	if _, err := s.List(t.Context()); err != nil {
		t.Errorf("the first one is gone: %v", err)
	}
}

func TestWithoutARuntimeTheClientSaysSo(t *testing.T) {
	_, err := client.New(t.TempDir()).List(t.Context())
	var none *client.NoRuntimeError
	if !errors.As(err, &none) || !strings.Contains(err.Error(), "ocis server") {
		t.Error(err)
	}
}

func TestTheMetricsAreOfTheRuntimeAsItIs(t *testing.T) {
	s := startFamily(t)
	web, err := s.Status(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Kill(t.Context(), "frontend"); err != nil {
		t.Fatal(err)
	}
	response, err := s.plain(t).Get("http://runtime/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != metrics.ContentType {
		t.Errorf("%s %s", response.Status, response.Header)
	}
	for _, line := range []string{
		`ocis_build_info{version="test",revision="",goversion="` + runtime.Version() + `"} 1`,
		`ocis_instance_status{service="web",instance="web-1",status="ready"} 1`,
		`ocis_instance_status{service="frontend",instance="frontend-1",status="stopped"} 1`,
		`ocis_instance_restarts_total{service="web",instance="web-1"} ` + strconv.Itoa(web.Instances[0].Restarts),
	} {
		if !strings.Contains(string(page), line+"\n") {
			t.Errorf("there is no line\n%s", line)
		}
	}
	if family := "\nocis_instance_resident_memory_bytes{"; runtime.GOOS == "linux" && strings.Count(string(page), family) != 1 {
		t.Errorf("%d processes run, one should", strings.Count(string(page), family))
	}
}
