package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
)

// stream writes JSON objects, each on a line of its own, and pushes each out at once.
type stream struct {
	encoder *json.Encoder
	flush   func() error
}

func startStream(w http.ResponseWriter) stream {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	controller := http.NewResponseController(w)
	_ = controller.Flush() // so that a follower knows that it follows
	return stream{encoder: json.NewEncoder(w), flush: controller.Flush}
}

func (s stream) write(object any) error {
	if err := s.encoder.Encode(object); err != nil {
		return err
	}
	return s.flush()
}

// events streams the history: ?since=SEQUENCE, ?follow=true.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	since, follow, err := streamQuery(r, parseSequence)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	out := startStream(w)
	if follow {
		_ = s.supervisor.History().Follow(r.Context(), since, func(event client.Event) error {
			return out.write(event) // an error is the client's end
		})
		return
	}
	events, _ := s.supervisor.History().Since(since)
	for _, event := range events {
		if out.write(event) != nil {
			return
		}
	}
}

// logs streams log lines: ?service=NAME (repeatable), ?since=DURATION, ?follow=true, ?lines=N.
func (s *Server) logs(w http.ResponseWriter, r *http.Request) {
	since, follow, err := streamQuery(r, parseAge)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	lines, err := strconv.Atoi(queryOr(r, "lines", "0"))
	if err != nil || lines < 0 {
		fail(w, http.StatusBadRequest, fmt.Errorf("lines=%s is not a number of lines", r.URL.Query().Get("lines")))
		return
	}
	names := r.URL.Query()["service"]
	if len(names) == 0 {
		names = s.supervisor.Names()
	}
	paths := make(map[string]string, len(names))
	for _, name := range names {
		files, err := s.supervisor.LogPaths(name)
		if err != nil {
			failWith(w, err)
			return
		}
		maps.Copy(paths, files)
	}
	reader := logfile.NewReader(paths, logfile.Query{Since: since, Lines: lines, Follow: follow})
	out := startStream(w)
	err = reader.Read(r.Context(), func(service, line string) error {
		return out.write(client.LogLine{Service: service, Line: line})
	})
	if err != nil && r.Context().Err() == nil {
		s.log.WithError(err).Warn("a stream of log lines ended early")
	}
}

// streamQuery reads what both streams take.
func streamQuery[T any](r *http.Request, parse func(string) (T, error)) (since T, follow bool, err error) {
	if text := r.URL.Query().Get("since"); text != "" {
		if since, err = parse(text); err != nil {
			return since, false, err
		}
	}
	follow, err = strconv.ParseBool(queryOr(r, "follow", "false"))
	if err != nil {
		return since, false, errors.New("follow is true or false")
	}
	return since, follow, nil
}

func queryOr(r *http.Request, name, preset string) string {
	if text := r.URL.Query().Get(name); text != "" {
		return text
	}
	return preset
}

func parseSequence(text string) (uint64, error) {
	sequence, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("since=%s is not the sequence number of an event", text)
	}
	return sequence, nil
}

// parseAge reads how old the oldest line may be, as the time it was written.
func parseAge(text string) (time.Time, error) {
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return time.Time{}, fmt.Errorf("since=%s is not a duration such as 10m or 2h", text)
	}
	return time.Now().Add(-age), nil
}
