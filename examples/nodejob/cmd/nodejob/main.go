// Command nodejob runs the node_job controller outside of the servers: against the
// cluster that DROVER_ADDR names, until it is interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/examples/nodejob"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "nodejob:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	cluster, err := client.New(client.FromEnv())
	if err != nil {
		return err
	}
	mirror, err := remote.Open(ctx, remote.Options{Client: cluster, Kinds: nodejob.Kinds(), Name: "nodejob"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mirror.Close()) }()
	manager, err := reconcile.NewManager(reconcile.Options{Store: mirror, ServerID: "nodejob"})
	if err != nil {
		return err
	}
	if err := nodejob.Register(manager); err != nil {
		return err
	}
	return manager.Start(ctx)
}
