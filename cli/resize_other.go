//go:build !unix

package cli

import "os"

// notifyResize does nothing: no signal tells here that the size of the terminal changes.
func notifyResize(chan<- os.Signal) {}
