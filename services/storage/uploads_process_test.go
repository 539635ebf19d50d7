package storage

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	grpcclient "github.com/go-micro/plugins/v4/client/grpc"
	"go-micro.dev/v4/client"

	"github.com/owncloud/ocis-runtime/services/internal/descriptor"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func (f *family) replace() {
	f.t.Helper()
	f.kill()
	f.start()
}

func (f *family) commit(id string, size int) (*storageapi.WriteResponse, error) {
	return f.api.CommitUpload(f.as("alice"), &storageapi.CommitUploadRequest{UploadId: id, Size: uint64(size)}, f.here())
}

// awaitNoBlobs waits until nothing unfinished is left. There is no event to wait for, so it
// asks the service in between.
func (f *family) awaitNoBlobs() {
	f.t.Helper()
	for expired := time.Now().Add(30 * time.Second); len(f.blobs()) > 0; {
		if time.Now().After(expired) {
			f.t.Fatalf("left: %v", f.blobs())
		}
		if _, err := f.api.Usage(f.as("alice"), &storageapi.UsageRequest{}, f.here()); err != nil {
			f.t.Fatal(err)
		}
	}
}

func TestAnUploadGoesOnWhenTheServiceIsKilledInItsMiddle(t *testing.T) {
	f := newFamily(t)
	begun, loan := f.begin("/f")
	_, abandoned := f.begin("/abandoned")
	for _, part := range []string{"one ", "two ", "three"} {
		if _, err := loan.File.WriteString(part); err != nil {
			t.Fatal(err)
		}
		f.replace()
	}
	abandoned.Abandon()
	written, err := f.commit(begun.GetUploadId(), 13)
	if err != nil || !written.GetCreated() {
		t.Fatalf("%v, %v", written, err)
	}
	loan.Return()
	if got := f.read("/f"); got != "one two three" {
		t.Errorf("content is %q", got)
	}
	f.replace()
	if got := f.read("/f"); got != "one two three" {
		t.Errorf("after another kill the content is %q", got)
	}
	if _, err := f.api.Delete(f.as("alice"), &storageapi.DeleteRequest{Path: "/f"}, f.here()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.api.PurgeTrash(f.as("alice"), &storageapi.PurgeTrashRequest{}, f.here()); err != nil {
		t.Fatal(err)
	}
	f.awaitNoBlobs()
}

func TestAnUploadWhoseTicketDiedWithTheServiceLeavesNothing(t *testing.T) {
	f := newFamily(t)
	begun, err := f.api.BeginUpload(f.as("alice"), &storageapi.BeginUploadRequest{Path: "/f", Size: -1}, f.here())
	if err != nil {
		t.Fatal(err)
	}
	f.replace()
	if _, err := f.content.Borrow(t.Context(), begun.GetTicket()); !errors.Is(err, descriptor.ErrRefused) {
		t.Errorf("a ticket of the former process: %v", err)
	}
	if _, err := f.commit(begun.GetUploadId(), 0); code(err) != 404 {
		t.Errorf("its commit: %v", err)
	}
	f.awaitNoBlobs()
}

func TestAnUploadOutlivesARestartThatDidNotWaitForIt(t *testing.T) {
	f := newFamily(t)
	begun, loan := f.begin("/f")
	if _, err := loan.File.WriteString("one "); err != nil {
		t.Fatal(err)
	}
	// The bound is so short that the drain does not wait for the upload.
	if err := f.remote.Shutdown(t.Context(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for expired := time.Now().Add(30 * time.Second); !f.plugin.Exited(); <-time.After(time.Millisecond) {
		if time.Now().After(expired) {
			t.Fatal("it does not end")
		}
	}
	f.start()
	if _, err := loan.File.WriteString("two"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.commit(begun.GetUploadId(), 7); err != nil {
		t.Fatal(err)
	}
	loan.Return()
	if got := f.read("/f"); got != "one two" {
		t.Errorf("content is %q", got)
	}
}

// robber is a relay before the service that, when it is told to, takes away the answer to
// the next call and calls robbed instead.
type robber struct {
	listener net.Listener
	target   string
	robbed   func()

	mu    sync.Mutex
	armed bool
	conns []net.Conn
	work  sync.WaitGroup
}

func newRobber(t *testing.T, target string, robbed func()) *robber {
	t.Helper()
	dir, err := os.MkdirTemp("", "robber") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	r := &robber{listener: listener, target: target, robbed: robbed}
	r.work.Go(r.run)
	t.Cleanup(func() {
		listener.Close()
		r.mu.Lock()
		for _, conn := range r.conns {
			conn.Close()
		}
		r.mu.Unlock()
		r.work.Wait()
		os.RemoveAll(dir)
	})
	return r
}

func (r *robber) arm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed = true
}

// takes tells whether this answer is the one to take away.
func (r *robber) takes() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.armed
	r.armed = false
	return was
}

func (r *robber) run() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("unix", r.target)
		if err != nil {
			near.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, near, far)
		r.mu.Unlock()
		r.work.Go(func() { _, _ = io.Copy(far, near); far.Close() })
		r.work.Go(func() { r.answers(near, far); near.Close() })
	}
}

// answers passes on HTTP/2 frames (RFC 9113 section 4.1) from far to near. One of type
// HEADERS begins an answer, which go-micro sends when its call is over.
func (r *robber) answers(near, far net.Conn) {
	const headers = 1
	for {
		var head [9]byte
		if _, err := io.ReadFull(far, head[:]); err != nil {
			return
		}
		if head[3] == headers && r.takes() {
			r.robbed()
			return
		}
		if _, err := near.Write(head[:]); err != nil {
			return
		}
		length := binary.BigEndian.Uint32(append([]byte{0}, head[:3]...))
		if _, err := io.CopyN(near, far, int64(length)); err != nil {
			return
		}
	}
}

func TestACommitWhoseAnswerDiedWithTheServiceIsAnsweredByTheNextOne(t *testing.T) {
	f := newFamily(t)
	relay := newRobber(t, f.src.Paths.Socket(Name, ""), func() { f.process.Process.Kill() })
	robbed := storageapi.NewStorageService(Name, grpcclient.NewClient(client.Retries(0)))
	through := client.WithAddress("unix:" + relay.listener.Addr().String())
	for round, content := range []string{strings.Repeat("x", 100_000), "", strings.Repeat("y", 10)} {
		path := "/f" + strings.Repeat("f", round)
		begun, err := f.api.BeginUpload(f.as("alice"), &storageapi.BeginUploadRequest{
			Path: path, Size: -1, Conditions: &storageapi.Conditions{IfNoneMatch: []string{"*"}},
		}, f.here())
		if err != nil {
			t.Fatal(err)
		}
		loan, err := f.content.Borrow(t.Context(), begun.GetTicket())
		if err != nil {
			t.Fatal(err)
		}
		loan.File.WriteString(content)
		if _, err := robbed.Usage(f.as("alice"), &storageapi.UsageRequest{}, through); err != nil && round == 0 {
			t.Fatal(err) // later the connection is the one that was robbed
		}
		relay.arm()
		commit := &storageapi.CommitUploadRequest{UploadId: begun.GetUploadId(), Size: uint64(len(content))}
		for relayed := true; relayed; relayed = err != nil && relay.waits() {
			_, err = robbed.CommitUpload(f.as("alice"), commit, through)
		}
		if err == nil {
			t.Fatal("nobody took the answer away")
		}
		f.replace()
		for range 2 {
			again, err := f.commit(begun.GetUploadId(), len(content))
			if err != nil || !again.GetCreated() || again.GetEntry().GetSize() != uint64(len(content)) {
				t.Fatalf("%v, %v", again, err)
			}
		}
		loan.Return()
		if f.read(path) != content {
			t.Error("content is wrong")
		}
	}
}

// waits tells whether the answer to take away is still to come.
func (r *robber) waits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.armed
}
