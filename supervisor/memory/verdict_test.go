package memory

import "testing"

func TestTheVerdictTellsWantOfMemoryFromOtherEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end  End
		want bool
	}{
		"killed by the kernel":                    {End{Killed: true, Kills: 1}, true},
		"killed by somebody":                      {End{Killed: true}, false},
		"asked to end, then killed":               {End{Killed: true, Asked: true, Kills: 1}, false},
		"a descendant was killed, it went on":     {End{Kills: 1}, false},
		"Go could not map memory":                 {End{LastLines: []string{"fatal error: runtime: out of memory", "", "goroutine 1 [running]:"}}, true},
		"Go could not get a block":                {End{LastLines: []string{"runtime: out of memory: cannot allocate 8-byte block (4 in use)", "fatal error: out of memory"}}, true},
		"Go could not allocate":                   {End{LastLines: []string{"fatal error: runtime: cannot allocate memory"}}, true},
		"a panic with ENOMEM":                     {End{LastLines: []string{"panic: mmap: cannot allocate memory"}}, true},
		"another panic":                           {End{LastLines: []string{"panic: runtime error: index out of range"}}, false},
		"a warning about memory, then a panic":    {End{LastLines: []string{"fork: cannot allocate memory", "panic: I give up"}}, false},
		"killed by somebody after such a warning": {End{Killed: true, LastLines: []string{"fatal error: out of memory"}}, false},
		"it drained":                              {End{Asked: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := OutOfMemory(test.end); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
