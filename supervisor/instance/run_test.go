package instance

import (
	"testing"
	"time"
)

func TestHealthChecksMeetInCommonMomentsAndAreNeverTooEarly(t *testing.T) {
	const interval = time.Second
	for _, test := range []struct{ now, want time.Duration }{
		{0, 1000 * time.Millisecond},
		{1 * time.Millisecond, 1249 * time.Millisecond},
		{250 * time.Millisecond, 1000 * time.Millisecond},
		{249 * time.Millisecond, 1001 * time.Millisecond},
		{10*time.Second + 60*time.Millisecond, 1190 * time.Millisecond},
	} {
		if got := nextCheck(test.now, interval); got != test.want {
			t.Errorf("at %s: in %s, want %s", test.now, got, test.want)
		}
	}
}
