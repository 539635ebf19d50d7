package chaos

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// runOn makes a run whose probes are answered.
func runOn(t *testing.T, s *stage, plan Plan) *Run {
	t.Helper()
	page := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(page.Close)
	return &Run{Runtime: s.Client, Plan: plan, Questions: []Question{{Method: "GET", URL: page.URL}}, Tell: func(Recovery) {}}
}

func TestARunFollowsItsScheduleAndCountsWhatItSees(t *testing.T) {
	s := perform(t, replace, "web-1", "webdav-1", "webdav-2")
	// Its last interval's hit comes early: one whose time is over is not made any more.
	plan := Plan{45, []string{"web", "webdav"}, []string{"SIGKILL", "SIGTERM"}, 100 * time.Millisecond, time.Second}
	report, err := runOn(t, s, plan).Do(t.Context(), t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, hit := range plan.Schedule() {
		instance := "web-1"
		if hit.Service == "webdav" {
			instance = []string{"webdav-1", "webdav-2"}[hit.Draw%2]
		}
		want = append(want, instance+" "+hit.Signal)
	}
	if got := s.arrived(); !slices.Equal(got, want) {
		t.Errorf("hit were\n%q, want\n%q", got, want)
	}
	total := report.Total
	if total.Kills != len(want) || total.Recoveries != len(want) || total.Failed+total.Refused+total.Lost != 0 || total.Requests < Rate {
		t.Errorf("%+v", total)
	}
	if len(report.NotReady) != 0 || len(report.Hits) != len(want) || report.Seed != 45 {
		t.Errorf("%+v", report)
	}
}

func TestWhoHasNotComeBackIsWaitedForAndTheHitsBehindItWaitToo(t *testing.T) {
	backAfter := 400 * time.Millisecond
	s := perform(t, func(s *stage, n int, signal string) {
		s.instances[n].Status = client.StatusBackoff
		time.AfterFunc(backAfter, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.instances[n].Status = client.StatusReady
			replace(s, n, signal)
		})
	}, "web-1")
	plan := Plan{1, []string{"web"}, []string{"SIGKILL"}, 100 * time.Millisecond, time.Second}
	report, err := runOn(t, s, plan).Do(t.Context(), t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var before time.Time
	for _, r := range report.Hits {
		switch {
		case r.At.IsZero():
			if !strings.Contains(r.Problem, "web-1 had not come back from hit") {
				t.Errorf("%+v", r)
			}
		case r.Ready < Span(backAfter), !before.IsZero() && r.At.Sub(before) < backAfter:
			t.Errorf("%+v was made before it was back", r)
		default:
			before = r.At
		}
	}
	if report.Total.Kills < 1 || report.Total.Kills > 3 || report.Total.Kills != report.Total.Recoveries {
		t.Errorf("%+v", report.Total)
	}
}

func TestNothingStaysStoppedBehindARunThatIsCutShort(t *testing.T) {
	hit, cutNow := context.WithCancel(t.Context())
	s := perform(t, func(_ *stage, _ int, signal string) {
		if signal == "SIGSTOP" {
			cutNow() // before anybody could replace it
		}
	}, "web-1", "webdav-1")
	run := runOn(t, s, Plan{1, []string{"web"}, []string{"SIGSTOP"}, time.Second, time.Minute})
	report, err := run.Do(hit, hit)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.arrived(); !slices.Equal(got, []string{"web-1 SIGSTOP", "web-1 SIGCONT"}) {
		t.Errorf("signals: %q", got)
	}
	if len(report.Hits) != 1 || !strings.Contains(report.Hits[0].Problem, "continued") || report.Total.Recoveries != 0 {
		t.Errorf("%+v", report.Hits)
	}
}

func TestTheEndOfTheHitsWaitsForWhatWasHit(t *testing.T) {
	s := perform(t, nil, "web-1")
	hit, stopHitting := context.WithCancel(t.Context())
	s.crash = func(s *stage, n int, signal string) {
		stopHitting()
		time.AfterFunc(100*time.Millisecond, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			replace(s, n, signal)
		})
	}
	report, err := runOn(t, s, Plan{1, []string{"web"}, []string{"SIGSTOP"}, 100 * time.Millisecond, patience}).Do(hit, t.Context())
	if err != nil || report.Total.Kills != 1 || report.Total.Recoveries != 1 || len(report.NotReady) != 0 {
		t.Errorf("%v %+v", err, report)
	}
}

func TestWhatDoesNotComeBackIsNamed(t *testing.T) {
	hit, cutNow := context.WithCancel(t.Context())
	s := perform(t, func(s *stage, n int, _ string) {
		s.instances[n].Status, s.instances[n].Message = client.StatusFailed, "its disk is gone"
		cutNow()
	}, "web-1")
	report, err := runOn(t, s, Plan{1, []string{"web"}, []string{"SIGKILL"}, time.Second, time.Minute}).Do(hit, hit)
	if err != nil || !slices.Equal(report.NotReady, []string{"web-1 is failed: its disk is gone"}) || report.Verdict() == nil {
		t.Errorf("%v %+v", err, report)
	}
}

func TestTheEndOfTheRuntimeIsTheEndOfTheRun(t *testing.T) {
	s := perform(t, nil, "web-1")
	s.crash = func(s *stage, n int, signal string) {
		replace(s, n, signal)
		go s.end()
	}
	began := time.Now()
	report, err := runOn(t, s, Plan{1, []string{"web"}, []string{"SIGKILL"}, 100 * time.Millisecond, patience}).Do(t.Context(), t.Context())
	if !errors.Is(err, errRuntimeEnded) || time.Since(began) > patience/2 {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	if len(report.Hits) == 0 {
		t.Errorf("nothing is reported of what was done: %+v", report)
	}
}
