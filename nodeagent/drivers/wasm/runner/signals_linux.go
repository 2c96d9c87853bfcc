package runner

import (
	"os"
	"os/signal"
	"syscall"
)

// leaveQuietly keeps signals that end the process from writing what its threads are
// doing into the task's log. Those of the module's own doing, such as a fault in
// translated code, are not touched.
func leaveQuietly() {
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGQUIT)
	go func() { // until the process ends
		<-quit
		os.Exit(128 + int(syscall.SIGQUIT))
	}()
}
