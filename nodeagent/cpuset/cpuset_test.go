package cpuset_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/nodeagent/cpuset"
)

func TestForms(t *testing.T) {
	for want, cores := range map[string][]uint16{"": nil, "3": {3}, "0-2,7,9-10": {7, 2, 0, 1, 10, 9}} {
		if got := cpuset.Format(cores); got != want {
			t.Errorf("%v is %q, want %q", cores, got, want)
		}
	}
	for _, s := range []string{"x", "1-", "-1", "1,,2", "70000"} {
		if got, err := cpuset.Parse(s); err == nil {
			t.Errorf("%q is read as %v", s, got)
		}
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cores := rapid.SliceOfDistinct(rapid.Uint16(), rapid.ID[uint16]).Draw(t, "cores")
		got, err := cpuset.Parse(" " + cpuset.Format(cores) + "\n")
		slices.Sort(cores)
		if err != nil || !slices.Equal(got, cores) {
			t.Fatalf("%v became %v, %v", cores, got, err)
		}
	})
}
