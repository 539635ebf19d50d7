package memory

import (
	"slices"
	"testing"
)

const mib = 1 << 20

// family is like the services of a small cloud.
var family = []Claim{{"nats", 2, 1}, {"storage", 4, 1}, {"web", 0, 1}}

func TestABudgetIsSplitByWeight(t *testing.T) {
	for name, test := range map[string]struct {
		total      uint64
		claims     []Claim
		supervisor uint64
		hard       map[string]uint64
		missing    uint64
	}{
		"by weight, and the supervisor keeps a share": {
			1600 * mib, family, 200 * mib, map[string]uint64{"nats": 400 * mib, "storage": 800 * mib, "web": 200 * mib}, 0,
		},
		"every replica counts": {
			1600 * mib, []Claim{{"web", 1, 3}, {"storage", 4, 1}}, 200 * mib, map[string]uint64{"web": 200 * mib, "storage": 800 * mib}, 0,
		},
		"a service without instances takes nothing, and knows what it would get": {
			1600 * mib, []Claim{{"web", 1, 0}, {"storage", 7, 1}}, 200 * mib, map[string]uint64{"web": 200 * mib, "storage": 1400 * mib}, 0,
		},
		"who is lifted to the floor costs the others": {
			896 * mib, family, 128 * mib, map[string]uint64{"nats": 640 / 3 * mib, "storage": 1280 / 3 * mib, "web": 128 * mib}, 0,
		},
		"the floor holds even when there is not enough": {
			400 * mib, family, 128 * mib, map[string]uint64{"nats": 128 * mib, "storage": 128 * mib, "web": 128 * mib}, 112 * mib,
		},
		"nothing at all": {
			0, []Claim{{"web", 1, 1}}, 128 * mib, map[string]uint64{"web": 128 * mib}, 256 * mib,
		},
	} {
		t.Run(name, func(t *testing.T) {
			budget := Split(test.total, test.claims)
			if !near(budget.Supervisor.HardBytes, test.supervisor) || budget.MissingBytes != test.missing {
				t.Errorf("the supervisor has %d, %d are missing", budget.Supervisor.HardBytes, budget.MissingBytes)
			}
			for service, want := range test.hard {
				if got := budget.Instances[service]; !near(got.HardBytes, want) || !near(got.SoftBytes, want/5*4) {
					t.Errorf("%s has %+v, want %d", service, got, want)
				}
			}
		})
	}
}

// near allows for what a division leaves over.
func near(got, want uint64) bool { return max(got, want)-min(got, want) <= mib }

func TestNoSplitIsLargerThanTheBudgetUnlessItSaysSo(t *testing.T) {
	for total := uint64(0); total < 4096*mib; total += 37 * mib {
		for replicas := range 12 {
			claims := append(slices.Clone(family), Claim{"webdav", 3, replicas})
			budget := Split(total, claims)
			sum := budget.Supervisor.HardBytes
			for _, claim := range claims {
				got := budget.Instances[claim.Service]
				if got.HardBytes < Floor || got.SoftBytes >= got.HardBytes {
					t.Fatalf("%d bytes, %d replicas: %s has %+v", total, replicas, claim.Service, got)
				}
				sum += got.HardBytes * uint64(claim.Instances)
			}
			if sum > total+budget.MissingBytes {
				t.Fatalf("%d bytes, %d replicas: %d are given away, %d are said to be missing", total, replicas, sum, budget.MissingBytes)
			}
		}
	}
}

func TestAGOMEMLIMITOfTheUsersOwnWins(t *testing.T) {
	given := Share{SoftBytes: 80 * mib, HardBytes: 100 * mib}
	for name, test := range map[string]struct {
		environ []string
		want    Share
		added   []string
	}{
		"none":                         {[]string{"HOME=/"}, given, []string{"GOMEMLIMIT=83886080"}},
		"empty is none":                {[]string{"GOMEMLIMIT="}, given, []string{"GOMEMLIMIT=83886080"}},
		"smaller":                      {[]string{"GOMEMLIMIT=20MiB"}, Share{20 * mib, 100 * mib}, nil},
		"larger: the hard one follows": {[]string{"GOMEMLIMIT=1GiB"}, Share{1 << 30, 1280 * mib}, nil},
		"plain bytes":                  {[]string{"GOMEMLIMIT=20971520"}, Share{20 * mib, 100 * mib}, nil},
		"bytes":                        {[]string{"GOMEMLIMIT=20971520B"}, Share{20 * mib, 100 * mib}, nil},
		"the first one counts":         {[]string{"GOMEMLIMIT=20480KiB", "GOMEMLIMIT=1"}, Share{20 * mib, 100 * mib}, nil},
		"off":                          {[]string{"GOMEMLIMIT=off"}, Share{0, 100 * mib}, nil},
		"as good as off":               {[]string{"GOMEMLIMIT=9223372036854775807"}, Share{0, 100 * mib}, nil},
		"more than a number can hold":  {[]string{"GOMEMLIMIT=99999999999TiB"}, Share{0, 100 * mib}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := given.Chosen(test.environ); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if got := given.Environ(test.environ); !slices.Equal(got, test.added) {
				t.Errorf("the child is told %q, want %q", got, test.added)
			}
		})
	}
}
