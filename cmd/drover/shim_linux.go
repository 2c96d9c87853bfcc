package main

import (
	"os"
	"path/filepath"

	"github.com/droverhq/drover/shim"
)

// heldTask holds a task, if the program was started under the name of the one that does,
// until that has ended; then it returns true.
func heldTask() bool {
	if filepath.Base(os.Args[0]) != shim.Name {
		return false
	}
	shim.Main()
	return true
}
