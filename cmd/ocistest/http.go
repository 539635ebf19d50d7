package ocistest

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Client returns an HTTP client that takes the self-signed certificate. Its connections
// end with the test.
func Client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: Patience}
}

// Do sends a request as admin and returns status and body.
func (s *Site) Do(method, path, body string, header ...string) (int, string) {
	s.t.Helper()
	status, answer, err := s.Try(Client(s.t), method, path, body, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return status, answer
}

// Try is Do for requests that may fail. A header "Authorization" replaces admin's.
func (s *Site) Try(client *http.Client, method, path, body string, header ...string) (int, string, error) {
	request, err := http.NewRequest(method, s.URL(path), strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.SetBasicAuth("admin", Password)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}
