package main

import (
	"os"
	"runtime"
)

// spareThreads is how many goroutines a server runs beside one for each core.
//
// Go looks at the network between goroutines, and at those that wait for anything else only
// now and then, as long as every processor that it thinks it has is at work: a server that
// places as fast as it can answers even the simplest request after 200 ms at times. With
// some to spare, the one that has just become ready runs at once, beside the others, and
// the kernel shares out the cores. It costs some percent of throughput.
const spareThreads = 6

// spareSomeThreads has the process run more goroutines at a time than there are cores,
// unless the operator says otherwise by GOMAXPROCS.
func spareSomeThreads() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareThreads)
	}
}
