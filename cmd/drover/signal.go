package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signalError is why a context was cancelled.
type signalError struct{ os.Signal }

func (e signalError) Error() string { return "got signal: " + e.String() }

// untilSignal returns a context that the first signal to end cancels, with a signalError as
// its cause; a second one ends the process at once. stop ends the watch.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // ends with ctx
		select {
		case s := <-signals:
			cancel(signalError{s})
		case <-ctx.Done():
		}
		signal.Stop(signals)
	}()
	return ctx, func() { cancel(nil) }
}
