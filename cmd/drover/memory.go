package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Go's collector lets the heap grow to twice what is in use before it looks again. For a
// server that holds a million allocations that is as much memory again, and it need not
// be: what it holds is bytes that are quickly passed over. For one that holds little it is
// too little: a burst of work would be interrupted every few milliseconds. So a heap may
// grow by gcSlack, or by gcLeast percent if that is more. (One that is idle is collected
// every two minutes anyway, and gives back what it had.)
const (
	gcSlack = 64 << 20
	gcLeast = 50
)

// gcPercent returns by how much a heap of so many bytes in use may grow, in percent.
func gcPercent(live uint64) int {
	const least = 4 << 20 // Go lets every heap grow to that
	return max(gcLeast, int(100*gcSlack/max(live, least)))
}

// boundHeap keeps the heap's growth at gcPercent, until the process ends; unless the
// operator says otherwise by GOGC.
func boundHeap() {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	now := 100
	adjust := func() {
		metrics.Read(live)
		if p := gcPercent(live[0].Value.Uint64()); p != now {
			now = p
			debug.SetGCPercent(p)
		}
	}
	afterEachCollection(adjust)
}

// afterEachCollection calls f whenever the collector has run. An object that nothing
// refers to tells: the collector finds it, and its finalizer makes the next.
func afterEachCollection(f func()) {
	type mark struct{ _ [16]byte } // alone in its block of memory
	var arm func(*mark)
	arm = func(*mark) {
		f()
		runtime.SetFinalizer(&mark{}, arm)
	}
	arm(nil)
}
