package chaos

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// These schedules are a promise: a seed that somebody wrote down still means the same.
func TestASeedMeansTheSameScheduleForEver(t *testing.T) {
	all := []string{"SIGKILL", "SIGSTOP", "SIGSEGV", "SIGTERM"}
	for _, c := range []struct {
		plan Plan
		want string
	}{
		{Plan{1, []string{"web", "webdav"}, all, 2 * time.Second, 8 * time.Second}, "1 244ms web SIGSTOP 48; 2 2474ms webdav SIGTERM 92; 3 5927ms web SIGSEGV 82; 4 7517ms webdav SIGKILL 35"},
		{Plan{2, []string{"web", "webdav"}, all, 2 * time.Second, 8 * time.Second}, "1 1070ms web SIGSTOP 83; 2 3067ms webdav SIGSEGV 40; 3 4753ms webdav SIGTERM 70; 4 6522ms web SIGKILL 88"},
		{Plan{1, []string{"storage"}, []string{"SIGKILL"}, time.Second, 3 * time.Second}, "1 244ms storage SIGKILL 48; 2 1474ms storage SIGKILL 92; 3 2927ms storage SIGKILL 82"},
	} {
		var got []string
		for _, hit := range c.plan.Schedule() {
			got = append(got, fmt.Sprintf("%d %dms %s %s %d", hit.Number, time.Duration(hit.After).Milliseconds(), hit.Service, hit.Signal, hit.Draw%100))
		}
		if joined := strings.Join(got, "; "); joined != c.want {
			t.Errorf("%+v is\n%s, want\n%s", c.plan, joined, c.want)
		}
	}
}

func TestTheOrderOfTheNamesMakesNoDifference(t *testing.T) {
	plan := Plan{7, []string{"a", "b", "c"}, Signals(), time.Second, time.Minute}
	same := Plan{7, []string{"c", "a", "b", "a"}, []string{"SIGTERM", "SIGSEGV", "SIGKILL", "SIGSTOP", "SIGKILL"}, time.Second, time.Minute}
	if !reflect.DeepEqual(plan.Schedule(), same.Schedule()) {
		t.Error("the schedules differ")
	}
	if slices.Equal(same.Services, plan.Services) {
		t.Error("the plan itself was changed")
	}
}

func TestOneHitFallsIntoEachIntervalAndNoneBehindTheEnd(t *testing.T) {
	for seed := range uint64(50) {
		plan := Plan{seed, []string{"a", "b"}, Signals(), 300 * time.Millisecond, time.Second}
		hits := plan.Schedule()
		if len(hits) < 3 || len(hits) > 4 {
			t.Fatalf("%d hits", len(hits))
		}
		for n, hit := range hits {
			at := time.Duration(hit.After)
			if hit.Number != n+1 || at >= plan.For || at < time.Duration(n)*plan.Every || at >= time.Duration(n+1)*plan.Every {
				t.Errorf("seed %d: hit %d is number %d at %s", seed, n, hit.Number, at)
			}
		}
	}
}

func TestEachServiceAndEachSignalGetsItsTurn(t *testing.T) {
	plan := Plan{3, []string{"a", "b", "c"}, Signals(), time.Second, time.Minute}
	services, signals := map[string]int{}, map[string]int{}
	for _, hit := range plan.Schedule() {
		services[hit.Service]++
		signals[hit.Signal]++
	}
	if want := map[string]int{"a": 20, "b": 20, "c": 20}; !reflect.DeepEqual(services, want) {
		t.Errorf("services: %v", services)
	}
	if want := map[string]int{"SIGKILL": 15, "SIGSTOP": 15, "SIGSEGV": 15, "SIGTERM": 15}; !reflect.DeepEqual(signals, want) {
		t.Errorf("signals: %v", signals)
	}
}

func TestAPlanWithoutAHitIsRefused(t *testing.T) {
	for _, c := range []struct {
		every, length time.Duration
		refused       bool
	}{
		{2 * time.Second, time.Minute, false},
		{time.Minute, time.Minute, false},
		{100 * time.Millisecond, time.Second, false},
		{time.Millisecond, time.Second, true},
		{0, time.Second, true},
		{-time.Second, time.Second, true},
		{2 * time.Second, time.Second, true},
		{2 * time.Second, -time.Second, true},
	} {
		if err := (Plan{Every: c.every, For: c.length}).Check(); (err != nil) != c.refused {
			t.Errorf("every %s for %s: %v", c.every, c.length, err)
		}
	}
}

func TestSignalsAreReadAsPeopleWriteThem(t *testing.T) {
	for name, want := range map[string]string{
		"KILL": "SIGKILL", "kill": "SIGKILL", "SIGSTOP": "SIGSTOP", " segv ": "SIGSEGV", "Term": "SIGTERM",
		"": "", "HUP": "", "SIGCONT": "", "9": "", "SIGSIGKILL": "",
	} {
		got, err := ParseSignal(name)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q is %q, %v", name, got, err)
		}
	}
}
