// Package simulated is a driver whose tasks run nothing: they last as long, end as,
// and fail when their config says. A fleet of simulated nodes runs it to put load on
// servers, and tests of the node agent use it to have every kind of task.
//
//	task "sleeper" {
//	  driver = "simulated"
//	  config {
//	    run_for   = "90s"   # default: until it is stopped
//	    exit_code = 3
//	  }
//	}
//
// A task lives in the Driver: as long as the same Driver is given to the next Agent
// of the process, its tasks outlive an Agent, as real ones outlive the process.
// A task costs a few hundred bytes and no goroutine.
package simulated
