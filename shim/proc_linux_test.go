package shim

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

func TestAProcessIsReadWhateverItsName(t *testing.T) {
	const rest = " S 1 7 7 0 -1 4194304 9 0 0 0 11 12 13 14 20 0 1 0 98765 1000 55 18446744073709551615"
	for _, name := range []string{"sh", "a b", "a) S 9 (b", "()"} {
		p, err := parseStat("42 (" + name + ")" + rest)
		want := Process{
			PID: 42, State: 'S', PPID: 1, Session: 7, Start: 98765, RSSPages: 55,
			UserTicks: 11, SystemTicks: 12, UserTicksWaited: 13, SystemTicksWaited: 14,
		}
		if err != nil || p != want {
			t.Errorf("%q: %+v, %v", name, p, err)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	self, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(self))
	f.Add("1 () ")
	f.Add("1 (a)")
	f.Fuzz(func(_ *testing.T, s string) {
		_, _ = parseStat(s) // must not panic
	})
}

func TestChildrenAreFoundByListAndByParent(t *testing.T) {
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	byParent, err := childrenByParent(os.Getpid())
	if err != nil || !slices.Contains(byParent, child.Process.Pid) {
		t.Errorf("by parent: %v, %v", byParent, err)
	}
	// A kernel without the lists has none for anybody.
	listed, err := Children(os.Getpid())
	if err != nil || len(listed) > 0 && !slices.Contains(listed, child.Process.Pid) {
		t.Errorf("listed: %v, %v", listed, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("the child ended well")
	}
}
