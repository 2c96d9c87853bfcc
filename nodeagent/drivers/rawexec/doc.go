// Package rawexec is the driver raw_exec: it runs a command as it is, with the rights
// of the node agent (or the task's user) and without isolation.
//
//	task "server" {
//	  driver = "raw_exec"
//	  config {
//	    command  = "python3"
//	    args     = ["-m", "http.server", "${NOMAD_PORT_http}"]
//	    work_dir = "/srv/www"        # default: the task's directory
//	  }
//	}
//
// A task of a group with a network of its own joins that, and sees the hosts and
// resolv.conf of it; that is all the isolation there is.
//
// Because nothing holds such a command back, the driver works only where the node's
// operator has enabled it (Options.Enabled).
//
// Each task is held by a process of package shim. The driver itself remembers nothing:
// every method goes by what the shim leaves in the task's state directory, so a
// driver of a node agent that was just started knows as much as one that started the
// task. See task for how that is read, and sweep for what happens when somebody kills a
// shim.
package rawexec
