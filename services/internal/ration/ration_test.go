package ration

import (
	"context"
	"errors"
	"math"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

func take(t *testing.T, l *Larder, bytes uint64) *Share {
	t.Helper()
	share, err := l.Take(t.Context(), bytes)
	if err != nil {
		t.Fatal(err)
	}
	return share
}

func TestRequestsWaitInTheirOrderForWhatOthersHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(100)
		first := take(t, l, 60)
		var order []uint64
		for _, bytes := range []uint64{50, 30} { // the second would fit at once
			go func() {
				share := take(t, l, bytes)
				order = append(order, bytes)
				share.Return()
			}()
			synctest.Wait()
		}
		if len(order) != 0 {
			t.Fatalf("%v did not wait", order)
		}
		if _, ok := l.TryTake(1); ok {
			t.Error("one that does not wait is served before those who do")
		}
		first.Keep(50)
		synctest.Wait()
		if len(order) != 2 || order[0] != 50 {
			t.Errorf("the order was %v", order)
		}
		first.Return()
		first.Return()
		take(t, l, 100).Return()
	})
}

func TestWhatIsLargerThanAllGetsItAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(100)
		huge := take(t, l, math.MaxUint64)
		if _, ok := l.TryTake(1); ok {
			t.Error("it is not alone")
		}
		huge.Keep(math.MaxUint64)
		huge.Return()
		share, ok := l.TryTake(100)
		if !ok {
			t.Fatal("it has not given everything back")
		}
		share.Return()
		(*Share)(nil).Return()
	})
}

func TestNobodyWaitsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(100)
		all := take(t, l, 100)
		began := time.Now()
		if _, err := l.Take(t.Context(), 1); !errors.Is(err, ErrBusy) || time.Since(began) != wait {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Take(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrBusy) {
			t.Errorf("%v", err)
		}
		all.Return()
		take(t, l, 100).Return()
	})
}

func TestThereIsHalfOfTheMemoryToShareOut(t *testing.T) {
	before := debug.SetMemoryLimit(80 << 20)
	defer debug.SetMemoryLimit(before)
	if l := HalfOfMemory(); l.bytes != 40<<20 {
		t.Errorf("with a limit: %d", l.bytes)
	}
	debug.SetMemoryLimit(math.MaxInt64)
	if l := HalfOfMemory(); l.bytes != unlimited {
		t.Errorf("without a limit: %d", l.bytes)
	}
}
