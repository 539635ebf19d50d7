package logfile

import (
	"testing"
	"time"
)

func TestALineSaysItsMessageWithItsErrorAndOtherLinesThemselves(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 6e6, time.UTC)
	for line, want := range map[string]Said{
		`{"level":"error","time":"2030-01-02T03:04:05.006Z","msg":"service ended","error":"a \u003c b","service":"web"}`: {at, "error", "service ended: a < b", ""},
		`{"level":"info","time":"2030-01-02T03:04:05.006Z","msg":"request","status":200,"method":"GET"}`:                 {at, "info", "request", "method=GET status=200"},
		`{"msg":"ready","time":"soon"}`: {Text: "ready"},
		"panic: oh no":                  {Text: "panic: oh no"},
		`{"status":200}`:                {Text: `{"status":200}`},
		`{"msg":"cut off`:               {Text: `{"msg":"cut off`},
		`{"msg":{"not":"it"}}`:          {Text: `{"msg":{"not":"it"}}`},
		"":                              {},
	} {
		if got := Read(line); got.Level != want.Level || got.Text != want.Text || got.More != want.More || !got.At.Equal(want.At) {
			t.Errorf("%s says %+v, want %+v", line, got, want)
		}
	}
}
