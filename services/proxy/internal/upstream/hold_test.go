package upstream

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/owncloud/ocis-runtime/services/internal/ration"
)

// answerTo returns an answer whose body can be closed once.
func answerTo(method string, body io.Reader, length int64) *http.Response {
	return &http.Response{Request: &http.Request{Method: method}, ContentLength: length, Body: io.NopCloser(body)}
}

func TestOnlyLongListingsAreHeldAndGivenWholeAndLetGo(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		size   int
		sized  bool
		held   bool
	}{
		"a listing of unknown length": {"PROPFIND", 100, false, true},
		"a long listing":              {"REPORT", unheldBytes + 1, true, true},
		"one that is too long":        {"PROPFIND", holdBytes + 100, false, true}, // its beginning is
		"a short listing":             {"PROPFIND", unheldBytes, true, false},
		"a download":                  {"GET", holdBytes, true, false},
		"a change":                    {"MOVE", holdBytes, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := &Forwarder{held: ration.New(holdBytes)}
			content, length := strings.Repeat("x", c.size), int64(-1)
			if c.sized {
				length = int64(c.size)
			}
			response := answerTo(c.method, strings.NewReader(content), length)
			if err := f.hold(response); err != nil {
				t.Fatal(err)
			}
			all, free := f.held.TryTake(holdBytes)
			if free == c.held {
				t.Errorf("held: %v", !free)
			}
			if free {
				all.Return()
			}
			if got, err := io.ReadAll(response.Body); err != nil || string(got) != content {
				t.Errorf("%d bytes came of %d, %v", len(got), c.size, err)
			}
			if all, free = f.held.TryTake(holdBytes); !free {
				t.Error("the memory of what was sent is not free")
			}
			all.Return()
			response.Body.Close()
		})
	}
}

func TestAListingThatBreaksWhileItIsHeldIsLostAndItsMemoryIsFree(t *testing.T) {
	f := &Forwarder{held: ration.New(holdBytes)}
	broken := errors.New("broken")
	err := f.hold(answerTo("PROPFIND", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), -1))
	if !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	if _, free := f.held.TryTake(holdBytes); !free {
		t.Error("the memory was not given back")
	}
}

func TestAListingThatTheClientDoesNotWantIsLetGo(t *testing.T) {
	f := &Forwarder{held: ration.New(holdBytes)}
	response := answerTo("PROPFIND", strings.NewReader("all of it"), -1)
	if err := f.hold(response); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if _, free := f.held.TryTake(holdBytes); !free {
		t.Error("the memory was not given back")
	}
}

func TestAListingThatThereIsNoMemoryForComesAsItIsSent(t *testing.T) {
	f := &Forwarder{held: ration.New(holdBytes)}
	if _, ok := f.held.TryTake(1); !ok {
		t.Fatal("there is no memory")
	}
	response := answerTo("PROPFIND", iotest.ErrReader(io.ErrUnexpectedEOF), -1)
	if err := f.hold(response); err != nil {
		t.Errorf("it was waited for: %v", err)
	}
}
