// Package docker is the driver docker: it runs tasks as containers of a Docker engine.
//
//	task "web" {
//	  driver = "docker"
//	  config {
//	    image = "registry.example.com/shop/web:1.4"
//	    args  = ["-listen", ":${NOMAD_PORT_http}"]
//	    ports = ["http"]
//	  }
//	}
//
// # Who knows what
//
// The engine knows the container, by a name that only one start of a task can have
// (containerName), with labels that say whose it is; the driver remembers next to
// nothing. So a driver of an agent that was just started finds every container, and an
// agent killed between two steps of a start is followed by one that goes on with it:
// a container that is there is not made again, and one that was started is not started
// again. In the task's state directory is only what the engine does not keep (state.go).
//
// # Output
//
// Containers write into the engine's log, which holds as much as the allocation's log
// files; from there a goroutine for each task brings it into these files (logs.go). While
// the agent is away the engine keeps it. Nothing is lost or there twice, whenever the
// agent is killed: see position.
//
// # An engine that is not there
//
// Every call is bounded in time. What waits for a task waits until the engine is back,
// since nobody else knows how the task ended. Watch tells the agent when the engine goes
// and comes back.
package docker
