package scheduler

import (
	"testing"

	"pgregory.net/rapid"
)

func TestPortSetIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set portSet
		members := map[uint16]bool{}
		near := rapid.IntRange(0, highestPort-200).Draw(t, "near")
		port := rapid.Custom(func(t *rapid.T) uint16 { return uint16(near + rapid.IntRange(0, 200).Draw(t, "port")) })
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				p := port.Draw(t, "port")
				set.add(p)
				members[p] = true
			},
			"fill": func(t *rapid.T) {
				first := port.Draw(t, "port")
				for p := first; p < first+70 && p >= first; p++ {
					set.add(p)
					members[p] = true
				}
			},
			"remove": func(t *rapid.T) {
				p := port.Draw(t, "port")
				set.remove(p)
				delete(members, p)
			},
			"": func(t *rapid.T) {
				if p := port.Draw(t, "port"); set.has(p) != members[p] || set.clone().has(p) != members[p] {
					t.Fatalf("has(%d) is %v", p, set.has(p))
				}
				first, last := int(port.Draw(t, "first")), int(port.Draw(t, "last"))
				want := first
				for want <= last && members[uint16(want)] {
					want++
				}
				if got, ok := set.nextFree(first, last); ok != (want <= last) || ok && got != want {
					t.Fatalf("nextFree(%d, %d) is %d, %v; want %d", first, last, got, ok, want)
				}
			},
		})
	})
}

func FuzzPortRanges(f *testing.F) {
	for _, list := range []string{"22,80,8000-9000", "", " 1 - 2 ,", "9-1", "-1", "65536", "a"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		ranges, err := parsePortRanges(list)
		if err != nil && ranges != nil {
			t.Fatal("ranges and an error")
		}
		for _, r := range ranges {
			if r.first < 0 || r.last > highestPort || r.first > r.last {
				t.Fatalf("%+v", r)
			}
			if _, ok := within(ranges, r.last); !ok {
				t.Fatalf("%d is not within", r.last)
			}
		}
	})
}
