package chaos

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// at is a moment of a run, in milliseconds.
func at(ms int) time.Time { return time.Unix(1700000000, 0).Add(time.Duration(ms) * time.Millisecond) }

func TestARequestFeelsTheHitsThatItOverlaps(t *testing.T) {
	proxy, web := &Question{Service: "proxy"}, &Question{}
	hit := func(service, signal string, began, ready int) *window {
		w := &window{service: service, signal: signal, began: at(began)}
		if ready > 0 {
			w.ready = at(ready)
		}
		return w
	}
	for name, c := range map[string]struct {
		question     *Question
		began, ended int
		outcome      Outcome
		windows      []*window
		want         Outcome
		felt         int
	}{
		"nothing was hit":                 {proxy, 100, 200, Failed, nil, Failed, 0},
		"over before the hit":             {proxy, 100, 200, Answered, []*window{hit("web", "SIGKILL", 300, 400)}, Answered, 0},
		"sent before and ended after":     {proxy, 100, 500, Answered, []*window{hit("web", "SIGKILL", 300, 400)}, Answered, 1},
		"in the aftermath":                {proxy, 1300, 1350, Failed, []*window{hit("web", "SIGKILL", 300, 400)}, Failed, 1},
		"behind the aftermath":            {proxy, 1500, 1600, Failed, []*window{hit("web", "SIGKILL", 300, 400)}, Failed, 0},
		"while it is not back":            {proxy, 9000, 9100, Failed, []*window{hit("web", "SIGSTOP", 300, 0)}, Failed, 1},
		"two at once":                     {proxy, 100, 900, Answered, []*window{hit("web", "SIGKILL", 300, 400), hit("webdav", "SIGKILL", 500, 0)}, Answered, 2},
		"inside the killed proxy":         {proxy, 100, 301, Broken, []*window{hit("proxy", "SIGKILL", 300, 400)}, Lost, 1},
		"inside the dying proxy":          {proxy, 350, 360, Broken, []*window{hit("proxy", "SIGSEGV", 300, 600)}, Lost, 1},
		"inside the hung proxy":           {proxy, 200, 3300, Broken, []*window{hit("proxy", "SIGSTOP", 300, 3400)}, Lost, 1},
		"in the queue of the hung proxy":  {proxy, 500, 3300, Broken, []*window{hit("proxy", "SIGSTOP", 300, 3400)}, Failed, 1},
		"hit as soon as it was back":      {proxy, 500, 3401, Broken, []*window{hit("proxy", "SIGSTOP", 300, 3400), hit("proxy", "SIGKILL", 3400, 3500)}, Lost, 2},
		"refused by the killed proxy":     {proxy, 310, 311, Refused, []*window{hit("proxy", "SIGKILL", 300, 400)}, Refused, 1},
		"the proxy was asked to end":      {proxy, 100, 301, Broken, []*window{hit("proxy", "SIGTERM", 300, 400)}, Failed, 1},
		"the killed proxy was back":       {proxy, 450, 460, Broken, []*window{hit("proxy", "SIGKILL", 300, 400)}, Failed, 1},
		"the killed proxy was another's":  {web, 100, 301, Broken, []*window{hit("proxy", "SIGKILL", 300, 400)}, Failed, 1},
		"broken, and another was killed":  {proxy, 100, 301, Broken, []*window{hit("webdav", "SIGKILL", 300, 400)}, Failed, 1},
		"broken, and nobody was hit":      {proxy, 100, 301, Broken, nil, Failed, 0},
		"bad, and the proxy was killed":   {proxy, 100, 301, Failed, []*window{hit("proxy", "SIGKILL", 300, 400)}, Failed, 1},
		"broken before the proxy was hit": {proxy, 100, 250, Broken, []*window{hit("proxy", "SIGKILL", 300, 400)}, Failed, 0},
	} {
		r := request{question: c.question, began: at(c.began), ended: at(c.ended), outcome: c.outcome}
		if outcome, felt := attribute(r, c.windows); outcome != c.want || len(felt) != c.felt {
			t.Errorf("%s: %s, felt %d hits, want %s and %d", name, outcome, len(felt), c.want, c.felt)
		}
	}
}

func TestARequestIsCountedOnceInTheTotalAndOnceForEachServiceThatItFelt(t *testing.T) {
	tally := newTally()
	first := tally.open("web", "SIGKILL", at(100))
	tally.close(first, at(200))
	tally.open("web", "SIGTERM", at(300))
	tally.open("webdav", "SIGKILL", at(300))
	proxy := &Question{Service: "proxy"}
	tally.add(request{question: proxy, began: at(10), ended: at(20), outcome: Answered})
	tally.add(request{question: proxy, began: at(110), ended: at(120), outcome: Answered})
	tally.add(request{question: proxy, began: at(150), ended: at(350), outcome: Failed, problem: "GET: 503"})
	tally.add(request{question: proxy, began: at(400), ended: at(450), outcome: Refused, problem: "GET: refused"})
	tally.add(request{question: proxy, began: at(500), ended: at(550), outcome: Failed, problem: "GET: 503"})
	tally.add(request{question: proxy, began: at(140), ended: at(560), outcome: Failed, problem: "GET: 503"})
	if want := (Counts{Requests: 6, Failed: 3, Refused: 1}); tally.total != want {
		t.Errorf("total %+v", tally.total)
	}
	services := map[string]*Counts{"web": {Requests: 5, Failed: 3, Refused: 1}, "webdav": {Requests: 4, Failed: 3, Refused: 1}}
	signals := map[string]*Counts{"SIGKILL": {Requests: 5, Failed: 3, Refused: 1}, "SIGTERM": {Requests: 4, Failed: 3, Refused: 1}}
	if !reflect.DeepEqual(tally.services, services) || !reflect.DeepEqual(tally.signals, signals) {
		t.Errorf("services %+v, signals %+v", tally.services, tally.signals)
	}
	during := []string{"web", "webdav"}
	failures := []Failure{
		{Failed, "GET: 503", 3, at(140), at(500), during},
		{Refused, "GET: refused", 1, at(400), at(400), during},
	}
	if !reflect.DeepEqual(tally.failures, failures) {
		t.Errorf("failures %+v", tally.failures)
	}
}

func TestALongRunForgetsOldHitsAndManyKindsOfFailures(t *testing.T) {
	tally := newTally()
	for n := range 1000 {
		tally.close(tally.open("web", "SIGKILL", at(n*1000)), at(n*1000+10))
		tally.add(request{question: &Question{}, began: at(n*1000 + 1), ended: at(n*1000 + 2), outcome: Failed, problem: fmt.Sprint(n)})
	}
	if len(tally.windows) > 30 || len(tally.failures) != maxFailures {
		t.Errorf("%d hits and %d failures are remembered", len(tally.windows), len(tally.failures))
	}
	if tally.total.Failed != 1000 {
		t.Errorf("%+v", tally.total)
	}
}
