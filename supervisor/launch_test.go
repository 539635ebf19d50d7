package supervisor

import (
	"slices"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
)

func TestChildrenGetNeitherWhatIsTheSupervisorsNorTheSecretsOfOthers(t *testing.T) {
	users := plugins.Declaration{Name: "users", Secrets: []string{"PASSWORD", "SHARED"}}
	proxy := plugins.Declaration{Name: "proxy", Secrets: []string{"KEY", "SHARED"}}
	web := plugins.Declaration{Name: "web"}
	environ := []string{"HOME=/home/a", "NOTIFY_SOCKET=/run/s", plugins.IncarnationVariable("of another runtime"), "PASSWORD=a=b", "KEY=k", "SHARED=s", "PASSWORDS=p"}
	for _, test := range []struct {
		service plugins.Declaration
		want    []string
	}{
		{users, []string{"HOME=/home/a", "PASSWORD=a=b", "SHARED=s", "PASSWORDS=p"}},
		{proxy, []string{"HOME=/home/a", "KEY=k", "SHARED=s", "PASSWORDS=p"}},
		{web, []string{"HOME=/home/a", "PASSWORDS=p"}},
	} {
		got := forChildren(environ, test.service, []plugins.Declaration{users, proxy, web})
		if !slices.Equal(got, test.want) {
			t.Errorf("%s gets %q, want %q", test.service.Name, got, test.want)
		}
	}
}
