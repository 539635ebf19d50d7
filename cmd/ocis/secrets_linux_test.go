package main

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// The password is in the environment of every site.
func TestThePasswordOfAdminReachesTheUsersServiceAlone(t *testing.T) {
	server := ocistest.Start(t)
	list, err := server.Runtime().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, instance := range list {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", instance.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if has := bytes.Contains(environ, []byte(ocistest.Password)); has != (instance.Service == "users") {
			t.Errorf("%s has the password in its environment: %v", instance.Service, has)
		}
	}
}
