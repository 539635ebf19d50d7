package password

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

// cheap keeps the tests fast.
var cheap = Params{MemoryKiB: 64, Iterations: 1, Lanes: 1}

func hash(t testing.TB, h *Hasher, password string) string {
	t.Helper()
	text, err := h.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOnlyTheHashedPasswordVerifies(t *testing.T) {
	h := NewHasher(cheap, 1)
	for _, password := range []string{"secret", " ", "pässwörd 🔑", strings.Repeat("x", 1024), "a\x00b"} {
		text := hash(t, h, password)
		if ok, err := h.Verify(t.Context(), text, password); err != nil || !ok {
			t.Errorf("%q against its own hash: %v, %v", password, ok, err)
		}
		for _, wrong := range []string{"", password + "x", password[:len(password)-1], strings.ToUpper(password) + " "} {
			if ok, err := h.Verify(t.Context(), text, wrong); err != nil || ok {
				t.Errorf("%q against the hash of %q: %v, %v", wrong, password, ok, err)
			}
		}
	}
}

func TestEqualPasswordsHaveDifferentHashes(t *testing.T) {
	h := NewHasher(cheap, 1)
	if one, two := hash(t, h, "secret"), hash(t, h, "secret"); one == two {
		t.Errorf("both are %s", one)
	}
}

func TestAHashSaysItsParametersSoThatTheyCanChange(t *testing.T) {
	text := hash(t, NewHasher(cheap, 1), "secret")
	if !strings.HasPrefix(text, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("hash is %s", text)
	}
	stronger := NewHasher(Params{MemoryKiB: 128, Iterations: 2, Lanes: 1}, 1)
	if ok, err := stronger.Verify(t.Context(), text, "secret"); err != nil || !ok {
		t.Errorf("an older hash: %v, %v", ok, err)
	}
}

// The vector is what the argon2 command makes of
// echo -n password | argon2 somesalt -id -v 13 -t 1 -k 64 -p 1 -l 24
// (it is also in the test data of golang.org/x/crypto/argon2).
func TestAForeignHashVerifies(t *testing.T) {
	const text = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$ZVrRXqxlLcWfcXCnMyv0m4Rpvh/bnCi7"
	if ok, err := NewHasher(cheap, 1).Verify(t.Context(), text, "password"); err != nil || !ok {
		t.Errorf("got %v, %v", ok, err)
	}
}

func TestDamagedHashesAreErrorsAndNeverMatch(t *testing.T) {
	h := NewHasher(cheap, 1)
	good := hash(t, h, "secret")
	for name, text := range map[string]string{
		"empty":            "",
		"another scheme":   "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"another version":  strings.Replace(good, "v=19", "v=16", 1),
		"too much memory":  strings.Replace(good, "m=64", "m=4000000000", 1),
		"too much time":    strings.Replace(good, "t=1", "t=100000", 1),
		"no time":          strings.Replace(good, "t=1", "t=0", 1),
		"no lanes":         strings.Replace(good, "p=1", "p=0", 1),
		"parameters gone":  strings.Replace(good, "m=64,t=1,p=1", "", 1),
		"no key":           good[:strings.LastIndexByte(good, '$')+1],
		"bad base64":       good[:len(good)-3] + "***",
		"one part too few": good[:strings.LastIndexByte(good, '$')],
	} {
		t.Run(name, func(t *testing.T) {
			if ok, err := h.Verify(t.Context(), text, "secret"); err == nil || ok {
				t.Errorf("got %v, %v", ok, err)
			}
		})
	}
}

func TestWhoIsTooFarBackInTheQueueIsToldSoAtOnce(t *testing.T) {
	h := NewHasher(cheap, 1)
	h.inside.Add(h.most)
	if err := h.Waste(t.Context(), "secret"); !errors.Is(err, ErrBusy) {
		t.Errorf("one more than may wait: %v", err)
	}
	h.inside.Add(-1)
	if err := h.Waste(t.Context(), "secret"); err != nil {
		t.Errorf("the last that may wait: %v", err)
	}
}

func TestWaitingForASlotEndsWithTheCaller(t *testing.T) {
	h := NewHasher(cheap, 1)
	h.slots <- struct{}{} // a hash that does not end
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "secret"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-h.slots
	if _, err := h.Hash(t.Context(), "secret"); err != nil {
		t.Errorf("with a free slot: %v", err)
	}
}

func TestSlotsBoundWhatIsHashedAtOnceAndEverybodyGetsATurn(t *testing.T) {
	h := NewHasher(cheap, 2)
	text := hash(t, h, "secret")
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if ok, err := h.Verify(t.Context(), text, "secret"); err != nil || !ok {
				t.Errorf("got %v, %v", ok, err)
			}
		})
	}
	callers.Wait()
	if n := h.inside.Load(); n != 0 {
		t.Errorf("%d are still counted", n)
	}
}

func BenchmarkVerify(b *testing.B) {
	h := NewHasher(Recommended, 2)
	text := hash(b, h, "secret")
	for b.Loop() {
		if _, err := h.Verify(b.Context(), text, "secret"); err != nil {
			b.Fatal(err)
		}
	}
}
