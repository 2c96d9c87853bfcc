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
// See package held for the life of a task.
package rawexec
