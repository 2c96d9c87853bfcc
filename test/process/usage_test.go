package process

import (
	"os"
	"testing"
	"time"
)

func TestAProcessUsesMemoryAndTime(t *testing.T) {
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	now, peak := before, int64(0)
	for x := 1; now < before+2*clockTick; x = x*31 + 7 { // until it was seen to work
		if x%4096 != 0 {
			if now, err = CPU(os.Getpid()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if now > before+time.Minute {
		t.Errorf("%v of CPU time after %v", now, before)
	}
	rss, err := Memory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if peak, err = PeakMemory(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	if rss < 1<<20 || peak < rss {
		t.Errorf("%d bytes in memory, at most %d", rss, peak)
	}
	if _, err := CPU(-1); err == nil {
		t.Error("a process that is not there uses CPU time")
	}
}
