package chaos

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// Rate is how many requests are sent in a second.
	Rate = 50
	// requestTimeout is how long a request may take: longer than a hung child lives with
	// the default settings. It bounds what is on its way to Rate times as many requests.
	requestTimeout = 10 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 1 << 20
)

// Question is a request that is sent again and again, each time on a new connection.
type Question struct {
	Method string
	URL    string
	Status int // of a good answer; 0: any below 400
	// Certificate is a file with the only certificate that the server may have, in PEM;
	// empty: one that the system trusts.
	Certificate string
	User        string // empty: none
	Password    string
	// Service is the runtime's service whose child the connections end in; empty: no one's.
	Service string
}

// Outcome is how a request ended.
type Outcome string

// The outcomes.
const (
	Answered Outcome = "answered"
	Failed   Outcome = "failed"  // a bad answer, or none in time
	Refused  Outcome = "refused" // nobody listened
	Broken   Outcome = "broken"  // the connection ended before the answer did; a tally says why
	Lost     Outcome = "lost"    // broken, because the child at its end was hit
)

// request is one that was sent.
type request struct {
	question *Question
	began    time.Time
	ended    time.Time
	outcome  Outcome
	problem  string
}

// A prober asks the questions in turns.
type prober struct {
	questions []Question
	clients   []*http.Client // of each question
}

func newProber(questions []Question) *prober {
	p := &prober{questions: questions}
	for i := range questions {
		p.clients = append(p.clients, questions[i].client())
	}
	return p
}

// client returns one that keeps no connection, follows no redirect, and reaches nothing
// but this machine.
func (q *Question) client() *http.Client {
	dialer := &net.Dialer{Control: onlyHere}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, DisableCompression: true}
	if q.Certificate != "" {
		transport.TLSClientConfig = &tls.Config{
			InsecureSkipVerify: true, // it is compared as a whole instead
			VerifyConnection: func(state tls.ConnectionState) error {
				if err := isCertificate(state, q.Certificate); err != nil {
					return &certificateError{err}
				}
				return nil
			},
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// isCertificate compares the server's certificate with that in a file, which is read each
// time because it may have been renewed.
func isCertificate(state tls.ConnectionState, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		want, err := x509.ParseCertificate(block.Bytes) // the first is the server's own (RFC 8446 section 4.4.2)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if len(state.PeerCertificates) == 0 || !state.PeerCertificates[0].Equal(want) {
			return fmt.Errorf("the server does not have the certificate in %s", file)
		}
		return nil
	}
	return fmt.Errorf("%s holds no certificate", file)
}

// certificateError is the end of a connection to somebody who is not known to be our proxy.
type certificateError struct{ err error }

func (e *certificateError) Error() string { return "check the proxy's certificate: " + e.err.Error() }

// probe asks at a steady rate until ctx is done. Then it waits for the answers that are
// still missing; cut ends them.
func (p *prober) probe(ctx, cut context.Context, tell func(request)) {
	var asking sync.WaitGroup
	defer asking.Wait()
	ticker := time.NewTicker(time.Second / Rate)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asking.Go(func() {
			if r := p.ask(cut, n%len(p.questions)); cut.Err() == nil {
				tell(r)
			}
		})
	}
}

// ask sends one request and reads the whole answer.
func (p *prober) ask(ctx context.Context, n int) request {
	q := &p.questions[n]
	r := request{question: q, began: time.Now()}
	status, err := q.send(ctx, p.clients[n])
	r.ended = time.Now()
	r.outcome, r.problem = judge(q, status, err)
	return r
}

func (q *Question) send(ctx context.Context, client *http.Client) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	message, err := http.NewRequestWithContext(ctx, q.Method, q.URL, nil)
	if err != nil {
		return 0, err
	}
	if q.User != "" {
		message.SetBasicAuth(q.User, q.Password)
	}
	if q.Method == "PROPFIND" {
		message.Header.Set("Depth", "0")
	}
	answer, err := client.Do(message)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	return answer.StatusCode, err
}

// judge says what became of a request, and in a few words what was wrong.
func judge(q *Question, status int, err error) (Outcome, string) {
	if whole := new(url.Error); errors.As(err, &whole) { // it would repeat the request
		err = whole.Err
	}
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused, q.Method + ": connection refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return Failed, fmt.Sprintf("%s: no answer within %s", q.Method, requestTimeout)
	case err != nil && !wasConnected(err):
		return Failed, fmt.Sprintf("%s: %v", q.Method, err)
	case err != nil:
		if op := new(net.OpError); errors.As(err, &op) { // it would name the port, which is another one each time
			err = op.Err
		}
		return Broken, fmt.Sprintf("%s: the connection broke: %v", q.Method, err)
	case q.Status != 0 && status != q.Status, status >= http.StatusBadRequest:
		return Failed, fmt.Sprintf("%s: %d %s", q.Method, status, http.StatusText(status))
	}
	return Answered, ""
}

// wasConnected tells whether an error came when there was a connection to the right server.
func wasConnected(err error) bool {
	var dial *net.OpError
	var stranger *certificateError
	var untrusted *tls.CertificateVerificationError
	return !(errors.As(err, &dial) && dial.Op == "dial") && !errors.As(err, &stranger) && !errors.As(err, &untrusted)
}
