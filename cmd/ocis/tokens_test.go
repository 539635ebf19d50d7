package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	grpcclient "github.com/go-micro/plugins/v4/client/grpc"
	microclient "go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"
	"go-micro.dev/v4/metadata"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
)

// socketOf returns where a service is asked by other services.
func socketOf(t *testing.T, server *ocistest.Server, service string) string {
	t.Helper()
	status, err := server.Runtime().Status(t.Context(), service)
	if err != nil {
		t.Fatal(err)
	}
	for _, socket := range status.Sockets {
		if socket.Name == "" && socket.Network == "unix" {
			return socket.Address
		}
	}
	t.Fatalf("%s has no unix socket: %+v", service, status.Sockets)
	return ""
}

// tokens are such that nobody may get in with.
var tokens = map[string]string{
	"no token": "", "nonsense": "nonsense", "a token without a signature": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
}

// What is behind the proxy trusts nobody because they reached its socket.
func TestNoServiceOfHTTPTakesARequestWithoutAToken(t *testing.T) {
	server := ocistest.Start(t)
	for service, path := range map[string]string{"web": "/", "frontend": "/status.php", "webdav": home + "/"} {
		socket := socketOf(t, server, service)
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}
		defer transport.CloseIdleConnections()
		inside := &http.Client{Transport: transport, Timeout: ocistest.Patience}
		for what, token := range tokens {
			for _, method := range []string{"GET", "PUT", "PROPFIND", "OPTIONS"} {
				request, err := http.NewRequest(method, "http://"+service+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.SetBasicAuth("admin", ocistest.Password) // is for the proxy alone
				request.Header.Set("X-Access-Token", token)
				response, err := inside.Do(request)
				if err != nil {
					t.Fatalf("%s of %s with %s: %v", method, service, what, err)
				}
				body, _ := io.ReadAll(response.Body)
				response.Body.Close()
				if response.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s of %s with %s: %s %.200s", method, service, what, response.Status, body)
				}
			}
		}
	}
	if status, body := server.Do("PROPFIND", home+"/", "", "X-Access-Token", "nonsense", "Depth", "0"); status != http.StatusMultiStatus {
		t.Errorf("what a client sends as a token counts at the proxy: %d %s", status, body)
	}
}

func TestNoServiceOfGRPCTakesACallWithoutAToken(t *testing.T) {
	server := ocistest.Start(t)
	caller := grpcclient.NewClient(microclient.Retries(0))
	users, storage := usersapi.NewUsersService("users", caller), storageapi.NewStorageService("storage", caller)
	for what, token := range tokens {
		ctx, cancel := context.WithTimeout(metadata.Set(t.Context(), "X-Access-Token", token), ocistest.Patience)
		defer cancel()
		at := func(service string) microclient.CallOption {
			return microclient.WithAddress("unix:" + socketOf(t, server, service))
		}
		_, listed := users.List(ctx, &usersapi.ListRequest{}, at("users"))
		_, made := users.Create(ctx, &usersapi.CreateRequest{Username: "eve", Password: "a password of eve"}, at("users"))
		_, asked := storage.Stat(ctx, &storageapi.StatRequest{Path: "/"}, at("storage"))
		_, written := storage.Put(ctx, &storageapi.PutRequest{Path: "/f"}, at("storage"))
		for call, err := range map[string]error{"users.List": listed, "users.Create": made, "storage.Stat": asked, "storage.Put": written} {
			if err == nil || microerrors.FromError(err).GetCode() != http.StatusUnauthorized {
				t.Errorf("%s with %s: %v", call, what, err)
			}
		}
	}
	if stdout, _, _ := server.Ocis("users", "list"); strings.Contains(stdout, "eve") {
		t.Errorf("an account was made: %s", stdout)
	}
}
