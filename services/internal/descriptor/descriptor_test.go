package descriptor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const helperSocket = "DESCRIPTOR_TEST_SOCKET"

// TestMain lets the test binary be the borrower that gets killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(helperSocket); path != "" {
		borrowForEver(path)
	}
	os.Exit(m.Run())
}

func borrowForEver(path string) {
	ticket := make([]byte, TicketSize)
	if _, err := io.ReadFull(os.Stdin, ticket); err != nil {
		os.Exit(3)
	}
	loan, err := NewClient(path).Borrow(context.Background(), ticket)
	if err != nil {
		os.Exit(4)
	}
	loan.File.WriteString("half a fi")
	os.Stdout.WriteString("borrowed\n")
	select {}
}

type stand struct {
	broker *Broker
	client *Client
	path   string
	stop   func()
}

func newStand(t *testing.T, lifetime time.Duration) *stand {
	t.Helper()
	dir, err := os.MkdirTemp("", "descriptor")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{broker: NewBroker(lifetime), client: NewClient(path), path: path}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.broker.Serve(ctx, listener) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		s.client.Close()
		s.stop()
		os.RemoveAll(dir)
	})
	return s
}

func testFile(t *testing.T, content string) *os.File {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte(content), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// within fails the test when c is not closed soon.
func within(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not happen", what)
	}
}

func TestATicketIsGoodForOneFetch(t *testing.T) {
	s := newStand(t, time.Minute)
	ticket, err := s.broker.Give(testFile(t, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := s.client.Fetch(t.Context(), ticket)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, _ := io.ReadAll(file)
	if string(content) != "hello" {
		t.Errorf("content is %q", content)
	}
	if _, err := s.client.Fetch(t.Context(), ticket); !errors.Is(err, ErrRefused) {
		t.Errorf("the second use: %v", err)
	}
	if got := len(s.client.idle); got != 1 {
		t.Errorf("%d connections are kept, want one for all three", got)
	}
}

func TestAnUnknownOrMalformedTicketIsRefused(t *testing.T) {
	s := newStand(t, time.Minute)
	for _, ticket := range [][]byte{nil, []byte("short"), make([]byte, TicketSize), make([]byte, 99)} {
		if _, err := s.client.Fetch(t.Context(), ticket); !errors.Is(err, ErrRefused) {
			t.Errorf("ticket of %d bytes: %v", len(ticket), err)
		}
	}
}

func TestAnUnusedTicketExpiresAndItsFileIsClosed(t *testing.T) {
	s := newStand(t, time.Millisecond)
	over := make(chan struct{})
	ticket, err := s.broker.Lend(testFile(t, ""), func() { close(over) })
	if err != nil {
		t.Fatal(err)
	}
	within(t, over, "expiry")
	if _, err := s.client.Fetch(t.Context(), ticket); !errors.Is(err, ErrRefused) {
		t.Errorf("use after expiry: %v", err)
	}
}

func TestALoanIsOverWhenItIsAbandoned(t *testing.T) {
	s := newStand(t, time.Minute)
	over := make(chan struct{})
	ticket, _ := s.broker.Lend(testFile(t, ""), func() { close(over) })
	loan, err := s.client.Borrow(t.Context(), ticket)
	if err != nil {
		t.Fatal(err)
	}
	loan.Abandon()
	loan.Return()
	within(t, over, "the end of the loan")
}

func TestALoanIsOverWhenItsConnectionIsUsedAgain(t *testing.T) {
	s := newStand(t, time.Minute)
	over := make(chan struct{})
	ticket, _ := s.broker.Lend(testFile(t, ""), func() { close(over) })
	loan, err := s.client.Borrow(t.Context(), ticket)
	if err != nil {
		t.Fatal(err)
	}
	loan.Return()
	select {
	case <-over:
		t.Fatal("returning told the lender at once: the connection was not kept")
	default:
	}
	next, _ := s.broker.Give(testFile(t, ""))
	file, err := s.client.Fetch(t.Context(), next)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	within(t, over, "the end of the loan")
}

func TestALoanIsOverWhenTheBorrowerIsKilled(t *testing.T) {
	s := newStand(t, time.Minute)
	file := testFile(t, "")
	over := make(chan struct{})
	ticket, _ := s.broker.Lend(file, func() { close(over) })

	borrower := exec.Command(os.Args[0])
	borrower.Env = append(os.Environ(), helperSocket+"="+s.path)
	stdin, _ := borrower.StdinPipe()
	stdout, _ := borrower.StdoutPipe()
	if err := borrower.Start(); err != nil {
		t.Fatal(err)
	}
	defer borrower.Wait()
	defer borrower.Process.Kill()
	stdin.Write(ticket)
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "borrowed\n" {
		t.Fatalf("the borrower said %q, %v", line, err)
	}
	written := make([]byte, 9)
	if _, err := file.ReadAt(written, 0); err != nil || string(written) != "half a fi" {
		t.Errorf("the borrower's write is not in the file: %q, %v", written, err)
	}
	select {
	case <-over:
		t.Fatal("the loan was over while the borrower lived")
	default:
	}
	borrower.Process.Kill()
	within(t, over, "the end of the loan")
}

func TestAServerThatCameBackIsReachedThroughTheSameClient(t *testing.T) {
	first := newStand(t, time.Minute)
	ticket, _ := first.broker.Give(testFile(t, "1"))
	file, err := first.client.Fetch(t.Context(), ticket)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	first.stop()

	os.Remove(first.path)
	listener, err := net.Listen("unix", first.path)
	if err != nil {
		t.Fatal(err)
	}
	second := NewBroker(time.Minute)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- second.Serve(ctx, listener) }()
	defer func() { cancel(); <-served }()
	ticket, _ = second.Give(testFile(t, "2"))
	file, err = first.client.Fetch(t.Context(), ticket)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
}

func TestAFetchEndsWithItsContextWhenNobodyAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	client := NewClient(path)
	defer client.Close()
	if _, err := client.Fetch(ctx, make([]byte, TicketSize)); err == nil {
		t.Error("a fetch that nobody answered succeeded")
	}
}

func TestEverythingLentIsOverWhenServeReturns(t *testing.T) {
	s := newStand(t, time.Minute)
	var over sync.WaitGroup
	over.Add(2)
	used, _ := s.broker.Lend(testFile(t, ""), over.Done)
	if _, err := s.broker.Lend(testFile(t, ""), over.Done); err != nil {
		t.Fatal(err)
	}
	loan, err := s.client.Borrow(t.Context(), used)
	if err != nil {
		t.Fatal(err)
	}
	defer loan.Abandon()
	s.stop()
	over.Wait()
	if _, err := s.broker.Give(testFile(t, "")); err == nil {
		t.Error("a closed broker issued a ticket")
	}
}

func TestUnusedTicketsAreBounded(t *testing.T) {
	s := newStand(t, time.Minute)
	file := testFile(t, "")
	for range maxOutstanding {
		if _, err := s.broker.Lend(file, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.broker.Lend(file, func() {}); !errors.Is(err, ErrBusy) {
		t.Errorf("one ticket too many: %v", err)
	}
}

func TestConcurrentFetchesGetTheirOwnFiles(t *testing.T) {
	s := newStand(t, time.Minute)
	var wg sync.WaitGroup
	for worker := range 8 {
		content := string(rune('a' + worker))
		path := filepath.Join(t.TempDir(), content)
		os.WriteFile(path, []byte(content), 0o600)
		wg.Go(func() {
			for range 100 {
				file, err := os.Open(path)
				if err != nil {
					t.Error(err)
					return
				}
				ticket, err := s.broker.Give(file)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := s.client.Fetch(t.Context(), ticket)
				if err != nil {
					t.Error(err)
					return
				}
				read, _ := io.ReadAll(got)
				got.Close()
				if string(read) != content {
					t.Errorf("got %q, want %q", read, content)
				}
			}
		})
	}
	wg.Wait()
}
