package token

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	microerrors "go-micro.dev/v4/errors"
	"go-micro.dev/v4/metadata"
	"go-micro.dev/v4/server"
)

func TestHTTPRequestsNeedAValidToken(t *testing.T) {
	signer, verifier, clock := pair(t)
	expired := sign(t, signer, alice)
	clock.pass(2 * Lifetime)
	for name, test := range map[string]struct {
		header string
		status int
	}{
		"valid":   {sign(t, signer, alice), http.StatusOK},
		"none":    {"", http.StatusUnauthorized},
		"forged":  {"eyJhbGciOiJFZERTQSJ9.e30.AAAA", http.StatusUnauthorized},
		"expired": {expired, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			handler := Require(verifier, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if claims, ok := FromContext(r.Context()); !ok || claims != alice {
					t.Errorf("the handler sees %+v, %v", claims, ok)
				}
			}))
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			if test.header != "" {
				request.Header.Set(Header, test.header)
			}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != test.status {
				t.Errorf("status %d, want %d", answer.Code, test.status)
			}
		})
	}
}

func TestCallsNeedAValidToken(t *testing.T) {
	signer, verifier, _ := pair(t)
	good := sign(t, signer, alice)
	for name, test := range map[string]struct {
		ctx  context.Context
		code int32 // 0: let through
	}{
		"sent by Outgoing":      {Outgoing(t.Context(), good), 0},
		"lower-cased by gRPC":   {metadata.NewContext(t.Context(), metadata.Metadata{strings.ToLower(Header): good}), 0},
		"none":                  {t.Context(), http.StatusUnauthorized},
		"forged":                {Outgoing(t.Context(), good+"A"), http.StatusUnauthorized},
		"the claims are forged": {NewContext(t.Context(), alice), http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			called := false
			handler := HandlerWrapper(verifier)(func(ctx context.Context, _ server.Request, _ any) error {
				called = true
				if claims, ok := FromContext(ctx); !ok || claims != alice {
					t.Errorf("the handler sees %+v, %v", claims, ok)
				}
				return nil
			})
			err := handler(test.ctx, nil, nil)
			if called != (test.code == 0) {
				t.Errorf("called: %v", called)
			}
			var refusal *microerrors.Error
			if errors.As(err, &refusal) {
				if refusal.Code != test.code || refusal.Id != ErrorID {
					t.Errorf("refused with %v", refusal)
				}
			} else if test.code != 0 {
				t.Errorf("error %v, want code %d", err, test.code)
			}
		})
	}
}

func TestOutgoingLeavesTheCallersContextAlone(t *testing.T) {
	ctx := metadata.NewContext(t.Context(), metadata.Metadata{"X-Request-Id": "1"})
	if text, _ := metadata.Get(Outgoing(ctx, "one"), Header); text != "one" {
		t.Errorf("sent %q", text)
	}
	if text, ok := metadata.Get(ctx, Header); ok {
		t.Errorf("the caller's context now carries %q", text)
	}
}
