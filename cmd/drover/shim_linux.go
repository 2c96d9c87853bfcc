package main

import (
	"os"
	"path/filepath"

	"github.com/droverhq/drover/nodeagent/drivers/wasm/runner"
	"github.com/droverhq/drover/shim"
)

// heldTask holds a task, or runs the module that is one, if the program was started under
// the name of what does, until that has ended; then it returns true.
func heldTask() bool {
	switch filepath.Base(os.Args[0]) {
	case shim.Name:
		shim.Main()
	case runner.Name:
		runner.Main()
	default:
		return false
	}
	return true
}
