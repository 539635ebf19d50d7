package doctor

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/runlock"
)

// examine looks at a base folder of the test's own.
func examine(t *testing.T, base string, addresses []Address, problem error) map[string]Finding {
	t.Helper()
	t.Setenv("OCIS_BASE_DATA_PATH", base)
	found := map[string]Finding{}
	for _, f := range Examine(func() (Plan, error) { return Plan{Addresses: addresses}, problem }) {
		found[f.Check] = f
	}
	return found
}

func configured(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	if err := config.Create(config.Paths{Config: filepath.Join(base, "config")}, nil); err != nil {
		t.Fatal(err)
	}
	return base
}

func TestAFreshMachineIsFine(t *testing.T) {
	for check, f := range examine(t, filepath.Join(t.TempDir(), "not", "there", "yet"), nil, nil) {
		if f.Verdict == Fail {
			t.Errorf("%s fails: %+v", check, f)
		}
	}
}

func TestATakenPortNamesItsHolder(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f := examine(t, configured(t), []Address{{Of: "proxy", Where: taken.Addr().String()}}, nil)["proxy address"]
	if f.Verdict != Fail || !strings.Contains(f.Found, "in use by process") || f.Remedy == "" {
		t.Errorf("got %+v", f)
	}
}

func TestAnAddressThatCannotBeBoundIsNotBlamedOnAnother(t *testing.T) {
	// TEST-NET-1 of RFC 5737 is nobody's; the other is no address.
	for address, want := range map[string]string{"192.0.2.1:9200": "this machine has no address 192.0.2.1", "127.0.0.1:nowhere": "nowhere"} {
		f := examine(t, t.TempDir(), []Address{{Of: "proxy", Where: address}}, nil)["proxy address"] // without an ocis.yaml, too
		if f.Verdict != Fail || !strings.Contains(f.Found, want) || strings.Contains(f.Found, "in use") {
			t.Errorf("%s: %+v", address, f)
		}
	}
}

func TestAWrongSettingIsAFinding(t *testing.T) {
	if f := examine(t, configured(t), nil, errors.New("proxy.tls is odd"))["settings"]; f.Verdict != Fail || f.Found != "proxy.tls is odd" {
		t.Errorf("got %+v", f)
	}
}

func TestARunningRuntimeIsNamed(t *testing.T) {
	base := configured(t)
	run := filepath.Join(base, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := runlock.Take(run)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if f := examine(t, base, nil, nil)["other runtime"]; f.Verdict != Fail || !strings.Contains(f.Remedy, "kill") {
		t.Errorf("got %+v", f)
	}
}

func TestAFileInPlaceOfAFolderIsNamed(t *testing.T) {
	base := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(base, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := examine(t, base, nil, nil)["data"]; f.Verdict != Fail || !strings.Contains(f.Found, "not a folder") {
		t.Errorf("got %+v", f)
	}
}

func TestABudgetThatIsTooSmallForItsServicesIsAFinding(t *testing.T) {
	var many []plugins.Declaration
	for name := 'a'; name < 'k'; name++ {
		many = append(many, plugins.Declaration{Name: string(name)})
	}
	for limit, want := range map[string]Verdict{"512MiB": Warn, "4GiB": OK, "100TiB": Warn, "1MiB": Fail, "much": Fail} {
		base := configured(t)
		t.Setenv("OCIS_MEMORY_LIMIT", limit)
		t.Setenv("OCIS_BASE_DATA_PATH", base)
		src, err := config.Open()
		if err != nil {
			t.Fatal(err)
		}
		if f := budget(src, many); f.Verdict != want || (f.Remedy == "") != (want == OK) {
			t.Errorf("%s: %+v", limit, f)
		}
	}
}
