// Package exec is the driver exec: it runs a command set apart from the node, with the
// programs of the node and a root directory of its own.
//
//	task "server" {
//	  driver = "exec"
//	  config {
//	    command  = "python3"
//	    args     = ["-m", "http.server", "${NOMAD_PORT_http}"]
//	    work_dir = "/local"            # default: /
//	    cap_drop = ["all"]
//	  }
//	}
//
// What it runs in, and with which rights, is package isolated's.
package exec

import (
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
	"github.com/droverhq/drover/nodeagent/drivers/settings"
)

// Name is the driver's name in jobspecs.
const Name = "exec"

// New returns the driver.
func New(o isolated.Options) *isolated.Driver {
	return isolated.New(isolated.Kind{Name: Name, Keys: []string{"command", "args"}, Command: command}, o)
}

func command(r *settings.Reader) (string, []string) {
	return r.Required("command", "say which program to run"), r.Texts("args")
}
