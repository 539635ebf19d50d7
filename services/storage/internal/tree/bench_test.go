package tree

import (
	"fmt"
	"testing"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func BenchmarkStat(b *testing.B) {
	s := newStand(b, Options{})
	s.mkdir("/a")
	s.mkdir("/a/b")
	s.put("/a/b/f", "x")
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			s.stat("/a/b/f")
		}
	})
}

func BenchmarkOpen4KiB(b *testing.B) {
	s := newStand(b, Options{})
	s.put("/f", string(make([]byte, 4096)))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.Open(b.Context(), s.owner, &storageapi.OpenRequest{Path: "/f", InlineLimit: 65536}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkList300(b *testing.B) {
	s := newStand(b, Options{})
	s.mkdir("/d")
	for i := range 300 {
		s.put(fmt.Sprintf("/d/file%d.txt", i), "x")
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		s.list("/d")
	}
}

func BenchmarkPut4KiB(b *testing.B) {
	for _, clients := range []int{1, 2, 8} {
		b.Run(fmt.Sprintf("clients=%d", clients*2), func(b *testing.B) {
			s := newStand(b, Options{})
			s.mkdir("/d")
			content := make([]byte, 4096)
			b.SetParallelism(clients)
			b.ReportAllocs()
			b.ResetTimer()
			names := make(chan int, 1)
			names <- 0
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					n := <-names
					names <- n + 1
					request := &storageapi.PutRequest{Path: fmt.Sprintf("/d/f%d", n), Content: content}
					if _, err := s.Put(b.Context(), s.owner, request); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
