package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// logIn asks for the home of a user.
func logIn(server *ocistest.Server, name, password string) int {
	credential := "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
	status, _ := server.Do("PROPFIND", home+"/", "", "Authorization", credential, "Depth", "0")
	return status
}

// untilRefused logs in until it is refused, which must be long before the proxy would
// forget by itself: it was told.
func untilRefused(t *testing.T, server *ocistest.Server, name, password string) {
	t.Helper()
	for start := time.Now(); logIn(server, name, password) != http.StatusUnauthorized; {
		if time.Since(start) > 20*time.Second {
			t.Fatalf("the old password of %s is still accepted", name)
		}
	}
}

func TestAccountsAreMadeListedChangedAndDeleted(t *testing.T) {
	server := ocistest.Start(t)
	const first, second = "a password of alice", "another password of alice"
	must := func(input string, args ...string) string {
		t.Helper()
		stdout, stderr, code := server.OcisWith(input, args...)
		if code != 0 {
			t.Fatalf("ocis %s: %d %s", strings.Join(args, " "), code, stderr)
		}
		return stdout
	}
	refused := func(says, input string, args ...string) {
		t.Helper()
		_, stderr, code := server.OcisWith(input, args...)
		if code != 1 || !strings.Contains(stderr, says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("ocis %s: %d %s", strings.Join(args, " "), code, stderr)
		}
	}
	if status := logIn(server, "alice", "a guess"); status != http.StatusUnauthorized {
		t.Errorf("nobody's login gets %d", status)
	}
	must(first+"\n", "users", "create", "alice", "--password-stdin", "--display-name", "Alice A.", "--email", "alice@example.org")
	if status := logIn(server, "alice", first); status != http.StatusMultiStatus {
		t.Errorf("the login of a new user gets %d", status)
	}
	refused("alice", "x", "users", "create", "alice", "--password-stdin")
	refused("password", "\n", "users", "create", "bob", "--password-stdin")
	must(second, "users", "passwd", "alice", "--password-stdin")
	untilRefused(t, server, "alice", first)
	if status := logIn(server, "alice", second); status != http.StatusMultiStatus {
		t.Errorf("the login with a new password gets %d", status)
	}

	var listed []account
	if err := json.Unmarshal([]byte(must("", "users", "list", "--json")), &listed); err != nil {
		t.Fatal(err)
	}
	if len(listed) != 2 || listed[0].Username != "admin" || listed[1].Username != "alice" || listed[1].DisplayName != "Alice A." || listed[1].ID == "" {
		t.Errorf("listed: %+v", listed)
	}
	for line := range strings.SplitSeq(must("", "users", "list"), "\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	if _, stderr, code := server.Ocis("users", "delete", "alice"); code != 2 || !strings.Contains(stderr, "--yes") {
		t.Errorf("deletion without a question: %d %s", code, stderr)
	}
	if said := must("", "users", "delete", "alice", "--yes"); !strings.Contains(said, "files") {
		t.Errorf("it does not say what becomes of the files: %s", said)
	}
	untilRefused(t, server, "alice", second)
	refused("alice", "", "users", "delete", "alice", "--yes")
	refused("nobody", first, "users", "passwd", "nobody", "--password-stdin")
	if list := must("", "users", "list"); strings.Contains(list, "alice") {
		t.Errorf("a deleted user is listed:\n%s", list)
	}
}

func TestGroupsAreMadeFilledEmptiedAndDeleted(t *testing.T) {
	server := ocistest.Start(t)
	must := func(input string, args ...string) string {
		t.Helper()
		stdout, stderr, code := server.OcisWith(input, append([]string{"users"}, args...)...)
		if code != 0 {
			t.Fatalf("ocis users %s: %d %s", strings.Join(args, " "), code, stderr)
		}
		return stdout
	}
	listed := func() string {
		t.Helper()
		var groups []accountGroup
		if err := json.Unmarshal([]byte(must("", "groups", "list", "--json")), &groups); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(groups)
	}
	must("", "groups", "create", "staff")
	must("", "groups", "create", "empty")
	must("a password", "create", "alice", "--password-stdin", "--group", "staff")
	must("", "groups", "add", "staff", "admin", "alice") // she is in it already
	if got, want := listed(), "[{empty []} {staff [admin alice]}]"; got != want {
		t.Errorf("groups %s, want %s", got, want)
	}
	if got, want := must("", "groups", "list"), "GROUP MEMBER\nempty\nstaff admin\nstaff alice\n"; got != want {
		t.Errorf("the table is %q", got)
	}
	must("", "groups", "remove", "staff", "alice")
	must("", "groups", "delete", "empty")
	if got, want := listed(), "[{staff [admin]}]"; got != want {
		t.Errorf("groups %s, want %s", got, want)
	}
	for line, test := range map[string]struct {
		code int
		says string
	}{
		"groups create staff":                    {1, "staff"},
		"groups create /":                        {1, "group"},
		"groups delete none":                     {1, "none"},
		"groups add none alice":                  {1, "none"},
		"groups add staff nobody":                {1, "nobody"},
		"groups add staff":                       {2, "ocis users groups add staff alice"},
		"groups create":                          {2, "one name is needed"},
		"groups lst":                             {2, `did you mean "list"?`},
		"groups list --no-such":                  {2, "ocis users groups list --help"},
		"create b --group none --password-stdin": {1, "none"},
	} {
		_, stderr, code := server.OcisWith("a password", append([]string{"users"}, strings.Fields(line)...)...)
		if code != test.code || !strings.Contains(stderr, test.says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("ocis users %s: %d %s", line, code, stderr)
		}
	}
}

func TestAccountsNeedAServerAndAPassword(t *testing.T) {
	site := ocistest.NewSite(t)
	if _, stderr, code := site.Ocis("init"); code != 0 {
		t.Fatal(stderr)
	}
	_, stderr, code := site.Ocis("users", "list")
	if code != 1 || !strings.Contains(stderr, "is `ocis server` running?") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%d %s", code, stderr)
	}
	_, stderr, code = site.Ocis("users", "create", "alice")
	if code != 2 || !strings.Contains(stderr, "--password-stdin") {
		t.Errorf("%d %s", code, stderr)
	}
}

func TestWhatIsNoTextIsRefusedWithItsNameAndWithoutAServer(t *testing.T) {
	site := ocistest.NewSite(t)
	for what, args := range map[string][]string{
		"the password":   {"create", "alice", "--password-stdin"},
		"the name":       {"create", "al\xffice", "--password-stdin"},
		"--display-name": {"create", "alice", "--password-stdin", "--display-name", "\xff"},
		"the name ":      {"groups", "add", "staff", "al\xffice"},
		"--group":        {"create", "alice", "--password-stdin", "--group", "staff", "--group", "\xff"},
	} {
		_, stderr, code := site.OcisWith("\xff\xfe\n", append([]string{"users"}, args...)...)
		if code != 2 || !strings.Contains(stderr, strings.TrimSpace(what)+" is not UTF-8") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: %d %s", what, code, stderr)
		}
	}
}

func TestAnUnknownServiceIsAMistakeOfTheCommandLine(t *testing.T) {
	server := ocistest.Start(t)
	for _, line := range []string{"status storge", "run storge", "kill storge", "restart storge", "crash storge", "logs storge"} {
		_, stderr, code := server.Ocis(strings.Fields(line)...)
		if code != 2 || !strings.Contains(stderr, `did you mean "storage"?`) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("ocis %s: %d %s", line, code, stderr)
		}
	}
}
