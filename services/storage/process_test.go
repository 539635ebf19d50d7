package storage

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	microerrors "go-micro.dev/v4/errors"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func TestACallWithoutAValidTokenIsRefused(t *testing.T) {
	f := newFamily(t)
	f.put("/f", "x")
	for name, ctx := range map[string]context.Context{
		"no token": t.Context(), "nonsense": token.Outgoing(t.Context(), "nonsense"), "nobody's": f.as(""),
	} {
		if _, err := f.api.Stat(ctx, &storageapi.StatRequest{Path: "/"}, f.here()); code(err) != 401 {
			t.Errorf("%s: %v", name, err)
		}
		err := f.download(ctx, "/f")
		// go-micro's streams give errors as gRPC has them.
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s, download: %v", name, err)
		}
	}
	if _, err := f.api.Stat(f.as("bob"), &storageapi.StatRequest{Path: "/f"}, f.here()); code(err) != 404 {
		t.Errorf("another user's file: %v", err)
	}
}

func TestAKilledServiceComesBackWithWhatItAcknowledged(t *testing.T) {
	f := newFamily(t)
	large := strings.Repeat("x", 100_000)
	f.put("/small", "hello")
	f.put("/large", large)
	f.kill()
	f.start()
	if f.read("/small") != "hello" || f.read("/large") != large {
		t.Error("content is wrong")
	}
	if list, err := f.list("/"); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestAnUploadThatHasBegunSurvivesTheOrderToRestart(t *testing.T) {
	f := newFamily(t)
	begun, loan := f.begin("/f")
	if err := f.remote.Shutdown(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	for { // until draining has begun
		late, err := f.api.BeginUpload(f.as("alice"), &storageapi.BeginUploadRequest{Path: "/late", Size: 1}, f.here())
		if err != nil {
			if refusal := microerrors.FromError(err); refusal.Id != microerrors.FromError(microservice.Draining()).Id {
				t.Fatal(err)
			}
			break
		}
		if _, err := f.api.AbortUpload(f.as("alice"), &storageapi.AbortUploadRequest{UploadId: late.GetUploadId()}, f.here()); err != nil {
			t.Fatal(err)
		}
	}
	f.put("/other", "all else goes on")
	loan.File.WriteString("whole")
	if _, err := f.api.CommitUpload(f.as("alice"), &storageapi.CommitUploadRequest{UploadId: begun.GetUploadId(), Size: 5}, f.here()); err != nil {
		t.Fatal(err)
	}
	loan.Return()
	for expired := time.Now().Add(30 * time.Second); !f.plugin.Exited(); <-time.After(time.Millisecond) {
		if time.Now().After(expired) {
			t.Fatal("it does not end")
		}
	}
	f.start()
	if f.read("/f") != "whole" || f.read("/other") != "all else goes on" {
		t.Error("content is wrong")
	}
}

func TestASecondProcessOnTheSameDataEndsWithOneClearLine(t *testing.T) {
	f := newFamily(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	second := exec.CommandContext(ctx, os.Args[0])
	second.Env = append(os.Environ(), serveVariable+"=1", "OCIS_RUN_DIR="+t.TempDir())
	output, err := second.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != plugins.ExitCrashed || !strings.Contains(string(output), "metadata.db is in use by another process") {
		t.Errorf("%v: %s", err, output)
	}
	if f.process.ProcessState != nil {
		t.Error("the first one is gone")
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	f := newFamily(t)
	for variable, value := range map[string]string{"STORAGE_QUOTA": "much", "STORAGE_TRASH_RETENTION": "-1h"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			if _, err := New(f.src); err == nil || !strings.Contains(err.Error(), value) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
}
