// Package process starts agents of the built binary for measurements, and reads what
// Linux says of a process: its memory, and the CPU time that it has used.
//
//	a, err := process.Start(process.Options{Bin: "bin", Dir: dir, Args: []string{"-server"}})
//	before, err := process.CPU(a.PID())
//	…
//	err = a.Stop()
package process
