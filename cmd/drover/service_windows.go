package main

import (
	"context"
	"syscall"

	"golang.org/x/sys/windows/svc"
)

// serviceName is how the program is known to the service manager: sc.exe create drover.
const serviceName = "drover"

// service runs the program under the service manager of Windows, if that has started it,
// until it is stopped; was says whether that is so.
func service(run func(context.Context) int) (code int, was bool) {
	if is, err := svc.IsWindowsService(); err != nil || !is {
		return 0, false
	}
	h := &handler{run: run}
	if err := svc.Run(serviceName, h); err != nil {
		return 1, true
	}
	return h.code, true
}

// handler answers the service manager.
type handler struct {
	run  func(context.Context) int
	code int
}

// Execute implements svc.Handler. To be stopped, or that the machine shuts down, is to the
// agent what SIGTERM is elsewhere.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (bool, uint32) {
	const accepted = svc.AcceptStop | svc.AcceptShutdown
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	ended := make(chan int, 1)
	go func() { ended <- h.run(ctx) }()
	changes <- svc.Status{State: svc.Running, Accepts: accepted}
	for {
		select {
		case h.code = <-ended:
			changes <- svc.Status{State: svc.StopPending}
			return h.code != 0, uint32(h.code)
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				changes <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				changes <- svc.Status{State: svc.StopPending}
				cancel(signalError{syscall.SIGTERM})
			}
		}
	}
}
