package shim

import (
	"golang.org/x/sys/unix"
)

// pin makes what this thread starts run on some cores only; none: on those that it may
// run on itself. The thread is then held to them as well, which costs a shim nothing.
func pin(cores []uint16) error {
	if len(cores) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, id := range cores {
		set.Set(int(id))
	}
	if set.Count() < len(cores) {
		return failed("pin the task to its cores", unix.EINVAL)
	}
	return failed("pin the task to its cores", unix.SchedSetaffinity(0, &set))
}
