package login

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// from returns one of many addresses, each of another network.
func from(i int) string { return fmt.Sprintf("192.0.%d.%d", i/200, i%200) }

func TestTriesAtOneMomentAreLimited(t *testing.T) {
	for name, test := range map[string]struct {
		username, address func(i int) string
		pace              pace
	}{
		"for one user from one network": {
			func(int) string { return "alice" }, func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }, ofPerson,
		},
		"for one user in any case": {
			func(i int) string { return [...]string{"alice", "ALICE"}[i%2] }, func(int) string { return "192.0.2.1" }, ofPerson,
		},
		"for everybody from one address": {
			func(i int) string { return fmt.Sprint("user", i) }, func(int) string { return "192.0.2.1" }, ofNetwork,
		},
		"for everybody from everywhere": {
			func(i int) string { return fmt.Sprint("user", i) }, from, ofAll,
		},
		"for one user from everywhere": {
			func(int) string { return "alice" }, from, ofAll,
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
			a := newAttempts(func() time.Time { return at })
			most := test.pace.atOnce + int(maxWait/test.pace.every)
			for i := range 2 * most {
				wait, _, ok := a.begin(test.username(i), test.address(i))
				if want := max(0, time.Duration(i+1-test.pace.atOnce)*test.pace.every); ok != (want <= maxWait) || ok && wait != want {
					t.Fatalf("try %d: waits %s, %v, want %s", i, wait, ok, want)
				}
			}
			at = at.Add(time.Duration(most) * test.pace.every)
			if wait, _, ok := a.begin(test.username(0), test.address(0)); !ok || wait != 0 {
				t.Errorf("later: waits %s, %v", wait, ok)
			}
		})
	}
}

func TestGuessingGetsSlow(t *testing.T) {
	f := newFixture(t)
	const guesses = 100
	for i := range guesses {
		if err := f.try(t, "alice", fmt.Sprint("wrong", i), "192.0.2.1"); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	if least := time.Duration(guesses-ofPerson.atOnce-1) * ofPerson.every; f.slept < least {
		t.Errorf("%d guesses took %s", guesses, f.slept)
	}
}

func TestNobodyCanLockAnybodyOut(t *testing.T) {
	f := newFixture(t)
	for i := range 2 * flood {
		_ = f.try(t, "alice", fmt.Sprint("wrong", i), from(i%3))
	}
	f.slept = 0
	if err := f.try(t, "alice", "alice-secret", "198.51.100.1"); err != nil || f.slept != 0 {
		t.Errorf("from elsewhere: %v after %s", err, f.slept)
	}
	if err := f.try(t, "alice", "alice-secret", from(0)); err != nil || f.slept > maxWait {
		t.Errorf("from the network of those who guess: %v after %s", err, f.slept)
	}
}

func TestAFloodOfGuessesDoesNotReachWhereSomebodyWasRight(t *testing.T) {
	f := newFixture(t)
	if err := f.try(t, "alice", "alice-secret", "198.51.100.1"); err != nil {
		t.Fatal(err)
	}
	for i := range flood { // at one moment
		_, _, _ = f.attempts.begin(fmt.Sprint("user", i), from(i))
	}
	if err := f.try(t, "bob", "bob-secret", "203.0.113.1"); !errors.Is(err, ErrLimited) {
		t.Errorf("somebody new: %v", err)
	}
	if err := f.try(t, "carol", "carol-secret", "198.51.100.1"); err != nil || f.slept != 0 {
		t.Errorf("from alice's network: %v after %s", err, f.slept)
	}
}

func TestWhoWasRightOnceIsNotHeldUpByOthersWhoTry(t *testing.T) {
	f := newFixture(t)
	if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	f.at = f.at.Add(rightFor)
	for range flood { // at one moment
		_, _, _ = f.attempts.begin("alice", "192.0.2.1")
	}
	if err := f.try(t, "alice", "wrong", "192.0.2.1"); !errors.Is(err, ErrLimited) {
		t.Errorf("the next guess: %v", err)
	}
	if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); err != nil || f.slept != 0 {
		t.Errorf("alice herself: %v after %s", err, f.slept)
	}
}

func TestRightTriesAndUnansweredOnesDoNotCount(t *testing.T) {
	f := newFixture(t)
	for i := range 2 * ofNetwork.atOnce {
		name := fmt.Sprint("user", i)
		if err := f.try(t, name, name+"-secret", "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	f.people.err = errors.New("nobody is there")
	for range 2 * ofPerson.atOnce {
		if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); !errors.Is(err, f.people.err) {
			t.Fatal(err)
		}
	}
	f.people.err = nil
	if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); err != nil || f.slept != 0 {
		t.Errorf("once somebody is there: %v after %s", err, f.slept)
	}
}
