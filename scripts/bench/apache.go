package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// errNoApache names the package; bench installs nothing.
var errNoApache = errors.New("the Apache server is not installed (Debian: apt-get install apache2), so there is nothing to compare with")

// apacheConfig is a plain mod_dav server as its manual describes it, with what is
// measured set to Apache's advantage: connections are kept for ever and no .htaccess is
// looked for.
const apacheConfig = `ServerRoot "%[1]s"
DefaultRuntimeDir "%[1]s"
PidFile "%[1]s/apache.pid"
Listen %[2]s
ServerName %[2]s
%[3]s
%[4]s
ErrorLog "%[1]s/error.log"
LogFormat "%%h %%l %%u %%t \"%%r\" %%>s %%O" common
CustomLog "%[1]s/access.log" common
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
DAVLockDB "%[1]s/locks/db"
SSLEngine on
SSLCertificateFile "%[1]s/tls.crt"
SSLCertificateKeyFile "%[1]s/tls.key"
DocumentRoot "%[1]s/files"
<Directory "%[1]s/files">
	Dav On
	Options None
	AllowOverride None
	AuthType Basic
	AuthName bench
	AuthUserFile "%[1]s/htpasswd"
	Require valid-user
</Directory>
`

// apacheModules are what that configuration needs.
var apacheModules = []string{
	"mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic",
	"socache_shmcb", "ssl", "dav", "dav_fs",
}

// The two accounts of Apache, with the same password. It checks the hash on every
// request, so the kind of hash shows: one is what htpasswd writes when it is not told
// otherwise, the other the cheapest that there is.
const (
	defaultHash  = "default"
	cheapestHash = "sha1"
)

// A server is a running WebDAV server.
type server struct {
	*process
	endpoint endpoint
}

// startApache serves an empty folder below dir, which exists.
func startApache(ctx context.Context, dir string) (*server, error) {
	program, modules, err := findApache()
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	e := endpoint{addr: addr, root: "/", user: defaultHash, pass: randomPassword()}
	if err := prepareApache(ctx, dir, modules, e); err != nil {
		return nil, fmt.Errorf("prepare Apache: %w", err)
	}
	p, err := startProcess(exec.Command(program, "-f", filepath.Join(dir, "apache.conf"), "-DFOREGROUND"), filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	if err := p.until(ctx, 10*time.Second, func(ctx context.Context) error { return propfindOnce(ctx, e) }); err != nil {
		return nil, errors.Join(fmt.Errorf("the Apache server does not answer: %w", err), p.stop())
	}
	return &server{p, e}, nil
}

// findApache returns the program and the folder of its modules.
func findApache() (program, modules string, err error) {
	for _, name := range []string{"apache2", "httpd"} {
		if program, err = exec.LookPath(name); err == nil {
			break
		}
		if program, err = exec.LookPath("/usr/sbin/" + name); err == nil {
			break
		}
	}
	if err != nil {
		return "", "", errNoApache
	}
	for _, modules := range []string{"/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules"} {
		if _, err := os.Stat(filepath.Join(modules, "mod_dav_fs.so")); err == nil {
			return program, modules, nil
		}
	}
	return "", "", fmt.Errorf("%s has no mod_dav in the usual places", program)
}

func prepareApache(ctx context.Context, dir, modules string, e endpoint) error {
	for _, folder := range []string{"files", "locks"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return err
		}
	}
	cert, key, err := selfSigned()
	if err != nil {
		return err
	}
	var load strings.Builder
	for _, module := range apacheModules {
		fmt.Fprintf(&load, "LoadModule %s_module %s/mod_%s.so\n", module, modules, module)
	}
	hashes, err := htpasswd(ctx, e.pass)
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"apache.conf": fmt.Sprintf(apacheConfig, dir, e.addr, load.String(), apacheUser()),
		"htpasswd":    hashes,
		"tls.crt":     cert,
		"tls.key":     key,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return giveToApache(dir)
}

// htpasswd makes the file with both accounts; the password goes by standard input.
func htpasswd(ctx context.Context, password string) (string, error) {
	var file strings.Builder
	for _, account := range [][]string{{"-ni", defaultHash}, {"-nis", cheapestHash}} {
		cmd := exec.CommandContext(ctx, "htpasswd", account...)
		cmd.Stdin = strings.NewReader(password)
		line, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("htpasswd (Debian: apt-get install apache2-utils): %w", err)
		}
		file.WriteString(strings.TrimSpace(string(line)) + "\n")
	}
	return file.String(), nil
}

// apacheAccount returns the account that Apache's workers run as when bench is root:
// Apache refuses to serve as root.
func apacheAccount() (*user.User, bool) {
	if os.Geteuid() != 0 {
		return nil, false
	}
	for _, name := range []string{"www-data", "apache", "nobody"} {
		if account, err := user.Lookup(name); err == nil {
			return account, true
		}
	}
	return nil, false
}

func apacheUser() string {
	account, ok := apacheAccount()
	if !ok {
		return ""
	}
	return fmt.Sprintf("User %s\nGroup #%s", account.Username, account.Gid)
}

// giveToApache lets the workers reach and change what they serve.
func giveToApache(dir string) error {
	account, ok := apacheAccount()
	if !ok {
		return nil
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"files", "locks", "htpasswd"} {
		if err := os.Chown(filepath.Join(dir, name), uid, gid); err != nil {
			return err
		}
	}
	return nil
}
