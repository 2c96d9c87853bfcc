package shim

import (
	"io"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// CollectArg starts a collector: a program, to be run as a task is, that passes on what
// is written to two pipes with names, OUT and ERR, as its own standard output and error.
// So what a task of another program's says is kept as that of a shim's own task is.
// SIGTERM ends it when the pipes are empty.
//
//	drover-shim collect OUT ERR
const CollectArg = "collect"

func collectMain(paths []string) {
	end := make(chan os.Signal, 1)
	signal.Notify(end, unix.SIGTERM)
	var copies sync.WaitGroup
	var open []*os.File // while there is somebody to write, no read comes to an end
	for i, to := range []*os.File{os.Stdout, os.Stderr} {
		from, err := os.OpenFile(paths[i], os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err == nil {
			var own *os.File
			own, err = os.OpenFile(paths[i], os.O_WRONLY|unix.O_NONBLOCK, 0)
			open = append(open, own)
		}
		if err != nil {
			complain("collect", err)
			os.Exit(1)
		}
		copies.Go(func() {
			if _, err := io.Copy(to, from); err != nil {
				complain("collect", err)
			}
		})
	}
	<-end
	for _, f := range open {
		_ = f.Close()
	}
	copies.Wait()
	os.Exit(0)
}
