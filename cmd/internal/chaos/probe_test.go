package chaos

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestWhatBecomesOfARequest(t *testing.T) {
	any, strict := &Question{Method: "GET"}, &Question{Method: "PROPFIND", Status: http.StatusMultiStatus}
	whole := func(err error) error { return &url.Error{Op: "Get", URL: "https://localhost/", Err: err} }
	system := func(op string, errno error) error {
		return whole(&net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, errno)})
	}
	for name, c := range map[string]struct {
		q       *Question
		status  int
		err     error
		outcome Outcome
		says    string
	}{
		"good":                   {any, 200, nil, Answered, ""},
		"a redirect":             {any, 302, nil, Answered, ""},
		"the wanted status":      {strict, 207, nil, Answered, ""},
		"another status":         {strict, 200, nil, Failed, "PROPFIND: 200 OK"},
		"unavailable":            {any, 503, nil, Failed, "GET: 503 Service Unavailable"},
		"refused":                {any, 0, system("dial", syscall.ECONNREFUSED), Refused, "GET: connection refused"},
		"unreachable":            {any, 0, system("dial", syscall.EHOSTUNREACH), Failed, "no route to host"},
		"late":                   {any, 0, whole(context.DeadlineExceeded), Failed, "no answer within 10s"},
		"late with the body":     {any, 200, context.DeadlineExceeded, Failed, "no answer within 10s"},
		"reset":                  {any, 0, system("read", syscall.ECONNRESET), Broken, "broke: read: connection reset by peer"},
		"closed":                 {any, 0, whole(io.EOF), Broken, "broke: EOF"},
		"half an answer":         {any, 200, io.ErrUnexpectedEOF, Broken, "broke: unexpected EOF"},
		"a stranger":             {any, 0, whole(&certificateError{errors.New("who")}), Failed, "certificate: who"},
		"an unknown certificate": {any, 0, whole(&tls.CertificateVerificationError{Err: errors.New("who")}), Failed, "who"},
		"another machine":        {any, 0, whole(&net.OpError{Op: "dial", Err: errElsewhere}), Failed, "not of this machine"},
	} {
		outcome, says := judge(c.q, c.status, c.err)
		if outcome != c.outcome || !strings.Contains(says, c.says) || (says == "") != (c.says == "") {
			t.Errorf("%s: %s %q, want %s %q", name, outcome, says, c.outcome, c.says)
		}
	}
}

// pemFile writes a certificate to a file, behind a key as in the proxy's own.
func pemFile(t *testing.T, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tls.pem")
	content := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("not looked at")})
	content = append(content, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// selfSigned returns a new certificate for localhost.
func selfSigned(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestASelfSignedCertificateIsTakenFromItsOwnerOnly(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	for name, c := range map[string]struct {
		certificate string
		outcome     Outcome
	}{
		"the proxy's own":       {pemFile(t, server.Certificate().Raw), Answered},
		"that of somebody else": {pemFile(t, selfSigned(t)), Failed},
		"one that is none":      {pemFile(t, []byte("nonsense")), Failed},
		"one that is not there": {filepath.Join(t.TempDir(), "nothing"), Failed},
		"one of nobody we know": {"", Failed},
	} {
		p := newProber([]Question{{Method: "GET", URL: server.URL, Certificate: c.certificate}})
		if r := p.ask(t.Context(), 0); r.outcome != c.outcome {
			t.Errorf("%s: %s %s", name, r.outcome, r.problem)
		}
	}
}

func TestEachRequestComesOnAConnectionOfItsOwnAndCarriesWhatItNeeds(t *testing.T) {
	const asked = 6
	arrived := make(chan string, asked)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		arrived <- fmt.Sprintf("%s %s %s:%s depth %q", r.Method, r.URL.Path, user, password, r.Header.Get("Depth"))
		http.Redirect(w, r, "/elsewhere", http.StatusFound) // which is not followed
	}))
	var connections atomic.Int64
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	p := newProber([]Question{
		{Method: "GET", URL: server.URL + "/status.php"},
		{Method: "PROPFIND", URL: server.URL + "/folder/", User: "alice", Password: "rosebud"},
	})
	seen := map[string]int{}
	for n := range asked {
		if r := p.ask(t.Context(), n%2); r.outcome != Answered || r.question != &p.questions[n%2] {
			t.Errorf("%+v", r)
		}
		seen[<-arrived]++
	}
	if seen[`GET /status.php : depth ""`] != asked/2 || seen[`PROPFIND /folder/ alice:rosebud depth "0"`] != asked/2 {
		t.Errorf("%v", seen)
	}
	if connections.Load() != asked {
		t.Errorf("%d requests came on %d connections", asked, connections.Load())
	}
}

func TestAProberWaitsForItsAnswersUnlessItIsCutShort(t *testing.T) {
	for name, isCut := range map[string]bool{"waits": false, "is cut short": true} {
		t.Run(name, func(t *testing.T) {
			arrived, release := make(chan struct{}, 10*Rate), make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}))
			defer server.Close()
			ctx, end := context.WithCancel(t.Context())
			cut, cutNow := context.WithCancel(t.Context())
			defer cutNow()
			var told atomic.Int64
			var probing sync.WaitGroup
			probing.Go(func() {
				newProber([]Question{{Method: "GET", URL: server.URL}}).probe(ctx, cut, func(r request) {
					told.Add(1)
					if r.outcome != Answered {
						t.Errorf("%s %s", r.outcome, r.problem)
					}
				})
			})
			<-arrived
			end()
			if isCut {
				cutNow()
			} else {
				close(release)
			}
			probing.Wait()
			if (told.Load() == 0) != isCut {
				t.Errorf("%d requests were told of", told.Load())
			}
		})
	}
}
