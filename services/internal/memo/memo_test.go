package memo

import (
	"testing"
	"time"
)

func TestWhatIsRememberedExpires(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	m := New[string, int](10, func() time.Time { return at })
	m.Put("a", 1, at.Add(time.Minute))
	m.Put("b", 2, at.Add(time.Hour))
	at = at.Add(time.Minute)
	if v, ok := m.Get("a"); ok {
		t.Errorf("expired: %d", v)
	}
	if v, ok := m.Get("b"); !ok || v != 2 {
		t.Errorf("not expired: %d, %v", v, ok)
	}
	if v, ok := m.Get("c"); ok {
		t.Errorf("never put: %d", v)
	}
}

func TestTheNewestValueCountsAlsoWhenAnOlderGenerationHasAnother(t *testing.T) {
	m := New[int, string](2, time.Now)
	later := time.Now().Add(time.Hour)
	for _, key := range []int{1, 2, 3} { // 3 makes a generation of 1 and 2
		m.Put(key, "old", later)
	}
	m.Put(1, "new", later)
	if v, _ := m.Get(1); v != "new" {
		t.Errorf("got %q", v)
	}
}

func TestWhatMatchesIsForgottenInBothGenerations(t *testing.T) {
	m := New[int, string](2, time.Now)
	later := time.Now().Add(time.Hour)
	for key, value := range []string{"out", "stays", "out"} { // the last one begins a generation
		m.Put(key, value, later)
	}
	m.Forget(func(value string) bool { return value == "out" })
	for key, want := range []bool{false, true, false} {
		if _, ok := m.Get(key); ok != want {
			t.Errorf("%d is known: %v", key, ok)
		}
	}
}

func TestTheBoundHoldsAndTheNewestStay(t *testing.T) {
	const size = 8
	m := New[int, int](size, time.Now)
	for i := range 10 * size {
		m.Put(i, i, time.Now().Add(time.Hour))
		for newest := max(0, i-size+1); newest <= i; newest++ {
			if _, ok := m.Get(newest); !ok {
				t.Fatalf("%d is forgotten right after %d", newest, i)
			}
		}
	}
	if n := len(m.young) + len(m.old); n > 2*size {
		t.Errorf("%d are kept", n)
	}
}
