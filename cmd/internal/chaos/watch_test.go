package chaos

import (
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestARecoveryIsOverWhenAnotherChildIsReady(t *testing.T) {
	ready := func(instance, incarnation string) client.Event {
		return client.Event{Kind: client.EventStatus, Instance: instance, Incarnation: incarnation, Status: client.StatusReady}
	}
	starting := ready("web-1", "new")
	starting.Status = client.StatusStarting
	for name, c := range map[string]struct {
		events []client.Event
		over   bool
	}{
		"another child is ready":            {[]client.Event{ready("web-1", "new")}, true},
		"after its start":                   {[]client.Event{starting, ready("web-1", "new")}, true},
		"it only starts":                    {[]client.Event{starting}, false},
		"the same child is ready once more": {[]client.Event{ready("web-1", "old")}, false},
		"another instance is ready":         {[]client.Event{ready("web-2", "new")}, false},
		"its exit is told":                  {[]client.Event{{Kind: client.EventExit, Instance: "web-1", Incarnation: "old"}}, false},
		"the runtime says something":        {[]client.Event{{Kind: client.EventRuntime}}, false},
	} {
		var told []Recovery
		w := newWatch(newTally(), func(r Recovery) { told = append(told, r) })
		w.expect(Hit{Number: 1, Service: "web", Signal: "SIGKILL"}, client.Instance{Instance: "web-1", Incarnation: "old", Pid: 42})
		for _, event := range c.events {
			w.event(event)
		}
		pending, _ := w.awaited()
		if (len(told) == 1) != c.over || (len(pending) == 0) != c.over {
			t.Errorf("%s: told %+v, awaited %+v", name, told, pending)
		}
		if c.over && (told[0].Ready <= 0 || told[0].Pid != 42 || told[0].Instance != "web-1") {
			t.Errorf("%s: %+v", name, told[0])
		}
	}
}

func TestAHitIsToldOfOnceWhateverComesLate(t *testing.T) {
	var told []Recovery
	w := newWatch(newTally(), func(r Recovery) { told = append(told, r) })
	r := w.expect(Hit{Number: 2, Service: "web"}, client.Instance{Instance: "web-1", Incarnation: "old"})
	w.skip(Hit{Number: 1, Service: "web"}, "not hit")
	w.event(client.Event{Instance: "web-1", Incarnation: "new", Status: client.StatusReady})
	w.giveUp(r, "too late")
	w.event(client.Event{Instance: "web-1", Incarnation: "newer", Status: client.StatusReady})
	all, hit := w.everything()
	if len(told) != 2 || len(all) != 2 || all[0].Number != 1 || all[1].Problem != "" || all[1].Ready == 0 || !hit["web"] {
		t.Errorf("told %+v, all %+v", told, all)
	}
}

func TestTheInstanceWhoseTurnItIsMustBeReadyAndBack(t *testing.T) {
	row := func(service, instance string, status client.Status) client.Instance {
		return client.Instance{Service: service, Instance: instance, Status: status}
	}
	two := []client.Instance{row("web", "web-1", client.StatusReady), row("webdav", "webdav-10", client.StatusReady), row("webdav", "webdav-2", client.StatusReady)}
	busy := map[string]*Recovery{"webdav-2": {Hit: Hit{Number: 3}}}
	for name, c := range map[string]struct {
		instances []client.Instance
		awaited   map[string]*Recovery
		hit       Hit
		instance  string
		obstacle  string
	}{
		"the first of two":     {two, nil, Hit{Service: "webdav", Draw: 4}, "webdav-2", ""},
		"the second of two":    {two, nil, Hit{Service: "webdav", Draw: 5}, "webdav-10", ""},
		"it has not come back": {two, busy, Hit{Service: "webdav", Draw: 4}, "webdav-2", "webdav-2 had not come back from hit 3"},
		"the other has not":    {two, busy, Hit{Service: "webdav", Draw: 5}, "webdav-10", ""},
		"it backs off":         {[]client.Instance{row("web", "web-1", client.StatusBackoff)}, nil, Hit{Service: "web"}, "web-1", "web-1 was backoff"},
		"it is gone":           {two, nil, Hit{Service: "users"}, "", "users is gone"},
	} {
		instance, obstacle := target(c.instances, c.awaited, c.hit)
		if instance.Instance != c.instance || obstacle != c.obstacle {
			t.Errorf("%s: %s, %q", name, instance.Instance, obstacle)
		}
	}
}
