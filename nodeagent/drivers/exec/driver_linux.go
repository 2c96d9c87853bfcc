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
	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
)

// Name is the driver's name in jobspecs.
const Name = "exec"

// New returns the driver.
func New(o isolated.Options) *isolated.Driver {
	return isolated.New(isolated.Kind{Name: Name, Command: command}, o)
}

func command(b *block.Block) (string, []string) {
	return b.Required("command", "say which program to run"), b.Texts("args")
}
