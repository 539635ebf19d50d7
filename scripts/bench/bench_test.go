package main

import (
	"testing"
	"time"
)

func TestAProcessStatIsReadBehindItsCommandWhateverThatHolds(t *testing.T) {
	const stat = "42 (a) b (c) S 7 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 8 0 98765 1000 200 18446744073709551615\n"
	got, err := parseStat(42, []byte(stat))
	if err != nil {
		t.Fatal(err)
	}
	want := procStat{pid: 42, parent: 7, state: 'S', startTicks: 98765, cpu: 2 * time.Second}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := parseStat(42, []byte("42 (a) S 7")); err == nil {
		t.Error("a stat with too few fields was accepted")
	}
}

func TestTheVerdictComparesWithTheTargetInItsDirection(t *testing.T) {
	for _, c := range []struct {
		measured, target float64
		atLeast          bool
		want             string
	}{
		{0.6, 0.7, false, reached},
		{0.7, 0.7, false, reached},
		{0.8, 0.7, false, missed},
		{0.6, 0.5, true, reached},
		{0.4, 0.5, true, missed},
		{0.4, 0, true, reported},
	} {
		if got := (row{Measured: c.measured, Target: c.target, AtLeast: c.atLeast}).judge(); got != c.want {
			t.Errorf("%v of %v, at least %v: %q, want %q", c.measured, c.target, c.atLeast, got, c.want)
		}
	}
	for measured, want := range map[float64]string{0: reached, 1: missed} {
		if got := (row{Measured: measured, Exactly: true}).judge(); got != want {
			t.Errorf("%v of exactly none: %q, want %q", measured, got, want)
		}
	}
}

func TestAnAnswerMayTakeAsLongAsAPlainExecAndALittleMore(t *testing.T) {
	for _, test := range []struct{ fixed, plain, want float64 }{
		{40, 7, 40}, {40, 40 / answerRatio, 40}, {40, 100, 130}, {150, 100, 150},
	} {
		if got := answerTarget(test.fixed, test.plain); got < test.want-1e-9 || got > test.want+1e-9 {
			t.Errorf("of %v and a plain exec of %v follows %v, want %v", test.fixed, test.plain, got, test.want)
		}
	}
}

func TestTheMedianOfAnEvenNumberIsBetweenTheMiddleTwo(t *testing.T) {
	if got := median([]float64{9, 1, 5}); got != 5 {
		t.Errorf("median of 9, 1, 5 = %v", got)
	}
	if got := median([]float64{9, 1, 5, 6}); got != 5.5 {
		t.Errorf("median of 9, 1, 5, 6 = %v", got)
	}
}

func TestLitmusIsCountedOverAllSuites(t *testing.T) {
	const output = "-> running `basic':\n 0. init.................. pass\n" +
		"<- summary for `basic': of 16 tests run: 16 passed, 0 failed. 100.0%\n" +
		"<- summary for `locks': of 41 tests run: 39 passed, 2 failed. 95.1%\n-> 1 warning was issued.\n"
	passed, err := countPassed(output)
	if err != nil || passed != 55 {
		t.Errorf("countPassed = %d, %v; want 55", passed, err)
	}
	if _, err := countPassed("connection refused"); err == nil {
		t.Error("output without a suite was counted")
	}
}

func TestAnUnknownGroupIsNamedWithThoseThatAre(t *testing.T) {
	if _, err := chooseGroups("start,stat"); err == nil {
		t.Error("an unknown group was accepted")
	}
	chosen, err := chooseGroups("load, start")
	if err != nil || len(chosen) != 2 || chosen[0].name != "load" {
		t.Errorf("chooseGroups = %v, %v", chosen, err)
	}
}
