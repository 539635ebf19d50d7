package history

import (
	"context"
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestAFollowerSeesWhatWasAndWhatComes(t *testing.T) {
	log := New()
	log.Add(client.Event{Kind: "a"})
	log.Add(client.Event{Kind: "b"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var kinds string
	err := log.Follow(ctx, 1, func(event client.Event) error {
		kinds += event.Kind
		switch event.Kind {
		case "b":
			log.Add(client.Event{Kind: "c"})
		case "c":
			cancel()
		}
		return nil
	})
	if err != nil || kinds != "bc" {
		t.Errorf("followed %q, %v", kinds, err)
	}
}

func TestTheMemoryIsBoundedAndTheNumbersGoOn(t *testing.T) {
	log := New()
	for range 3 * kept {
		log.Add(client.Event{})
	}
	events, _ := log.Since(0)
	if len(events) > kept || events[len(events)-1].Sequence != 3*kept {
		t.Errorf("%d events, the last is %d", len(events), events[len(events)-1].Sequence)
	}
	for i := 1; i < len(events); i++ {
		if events[i].Sequence != events[i-1].Sequence+1 {
			t.Fatalf("a gap after %d", events[i-1].Sequence)
		}
	}
}
