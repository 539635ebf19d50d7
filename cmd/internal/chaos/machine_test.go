package chaos

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestOnlyARuntimeThatIsSeenToBeOursIsHit(t *testing.T) {
	us := self{uid: 1000, program: "ocis-next", namespace: "pid:[1]", host: "here"}
	root := us
	root.uid = 0
	ours := peer{pid: 42, uid: 1000, program: "ocis", namespace: "pid:[1]"}
	here := []client.Instance{{Instance: "web-1", Node: "here"}, {Instance: "webdav-1", Node: "here"}}
	change := func(by func(*peer)) peer {
		them := ours
		by(&them)
		return them
	}
	for name, c := range map[string]struct {
		them      peer
		us        self
		instances []client.Instance
		doubt     string // empty: none
	}{
		"ours":                               {ours, us, here, ""},
		"with the name of our own program":   {change(func(p *peer) { p.program = "ocis-next" }), us, here, ""},
		"without an instance":                {ours, us, nil, ""},
		"of another user, and we are root":   {ours, root, here, ""},
		"of another user":                    {change(func(p *peer) { p.uid = 1001 }), us, here, "belongs to user 1001"},
		"of root":                            {change(func(p *peer) { p.uid = 0 }), us, here, "belongs to user 0"},
		"forwarded by ssh":                   {change(func(p *peer) { p.program = "sshd" }), us, here, `"sshd" and not ocis`},
		"of a pid namespace above":           {change(func(p *peer) { p.pid = 0 }), us, here, "not visible"},
		"of a pid namespace below":           {change(func(p *peer) { p.namespace = "pid:[2]" }), us, here, "another pid namespace"},
		"of an unknown namespace":            {change(func(p *peer) { p.namespace = "" }), us, here, "another pid namespace"},
		"of root's unknown namespace":        {change(func(p *peer) { p.namespace = "" }), self{program: "ocis", host: "here"}, here, "another pid namespace"},
		"that says it is of another machine": {ours, us, []client.Instance{here[0], {Instance: "webdav-1", Node: "there"}}, `webdav-1 runs on "there"`},
	} {
		doubt := doubts(c.them, c.us, c.instances)
		if (doubt == "") != (c.doubt == "") || !strings.Contains(doubt, c.doubt) {
			t.Errorf("a runtime %s: %q, want %q", name, doubt, c.doubt)
		}
	}
}

func TestAnAddressIsOfThisMachineWhenItIsLoopbackOrItsOwn(t *testing.T) {
	network := func(text string) net.Addr {
		ip, mask, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		mask.IP = ip
		return mask
	}
	own := []net.Addr{network("127.0.0.1/8"), network("192.0.2.7/24"), network("fe80::7/64")}
	for address, here := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true, "192.0.2.7": true, "::ffff:192.0.2.7": true, "fe80::7%eth0": true,
		"192.0.2.8": false, "198.51.100.1": false, "2001:db8::1": false, "0.0.0.0": false,
	} {
		if isHere(netip.MustParseAddr(address), own) != here {
			t.Errorf("%s: want %v", address, here)
		}
	}
}
