package main

import (
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

func TestMain(m *testing.M) { ocistest.Main(m) }
