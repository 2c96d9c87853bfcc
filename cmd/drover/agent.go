package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/go-logr/logr"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/droverhq/drover/config"
)

// runAgent runs the roles that a configuration asks for, until ctx is cancelled.
func runAgent(ctx context.Context, cfg *config.Agent, notes []string) (err error) {
	boundHeap()
	if cfg.Server.Enabled {
		spareSomeThreads()
	}
	log, err := newLogger(cfg, os.Stdout)
	if err != nil {
		return err
	}
	done, err := dataDir(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	a, err := listen(cfg, log)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.build(ctx); err != nil {
		return err
	}
	banner(os.Stdout, a)
	for _, note := range notes {
		log.Info("configuration: " + note)
	}
	ignoreHangup(ctx, log)
	return a.run(ctx)
}

// dataDir makes the folder that everything is kept in. For a dev agent that is a
// temporary one, which done removes.
func dataDir(cfg *config.Agent) (done func() error, err error) {
	done = func() error { return nil }
	if cfg.DataDir == "" {
		made, err := os.MkdirTemp("", "drover-dev-")
		if err != nil {
			return nil, fmt.Errorf("make a folder for the data: %w", err)
		}
		cfg.DataDir, done = made, func() error { return os.RemoveAll(made) }
		if err := os.Chmod(made, 0o711); err != nil { // tasks of other users pass through it
			return nil, errors.Join(fmt.Errorf("make a folder for the data: %w", err), done())
		}
	} else if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
		return nil, fmt.Errorf("make data_dir: %w", err)
	}
	// Tasks and shims see paths below it: they must not change when a link does.
	real, err := filepath.EvalSymlinks(cfg.DataDir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data_dir: %w", err), done())
	}
	cfg.DataDir = real
	return done, nil
}

// agent is the process: its listeners and the roles that use them.
type agent struct {
	cfg      *config.Agent
	log      logr.Logger
	http     net.Listener
	sessions net.Listener // of the server role only
	server   *serverRole
	client   *clientRole
}

// listen opens the agent's ports.
func listen(cfg *config.Agent, log logr.Logger) (*agent, error) {
	a := &agent{cfg: cfg, log: log}
	var err error
	if a.http, err = open(cfg, config.HTTP); err != nil {
		return nil, err
	}
	if cfg.Server.Enabled {
		if a.sessions, err = open(cfg, config.RPC); err != nil {
			return nil, errors.Join(err, a.http.Close())
		}
	}
	return a, nil
}

func open(cfg *config.Agent, s config.Service) (net.Listener, error) {
	address, err := cfg.Listen(s)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w (another agent? choose another port with -%s-port, or ports { %s = … } in a file)", s, err, s, s)
	}
	return bounded(l, s)
}

// bounded keeps connections from taking all the file descriptors that the process may
// have: without one the store cannot write, and ends. Whoever connects when there
// are as many as there may be waits until another goes.
func bounded(l net.Listener, s config.Service) (net.Listener, error) {
	files, err := mostFiles()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look how many files may be open: %w", err), l.Close())
	}
	share := files / 8 * 3
	if s == config.HTTP {
		share = files / 2
	}
	return netutil.LimitListener(l, int(min(share, math.MaxInt32))), nil
}

func (a *agent) close() {
	a.http.Close()
	if a.sessions != nil {
		a.sessions.Close()
	}
}

// advertised is the address by which others reach a listener.
func (a *agent) advertised(s config.Service, l net.Listener) (string, error) {
	return a.cfg.AdvertiseAddr(s, l.Addr().(*net.TCPAddr).Port)
}

func (a *agent) build(ctx context.Context) (err error) {
	if a.cfg.Client.Enabled {
		if a.client, err = newClientRole(ctx, a); err != nil {
			return err
		}
	}
	if a.cfg.Server.Enabled {
		a.server, err = newServerRole(a)
	}
	return err
}

// run runs the roles. The server outlives the node role of the same agent, so that
// the last statuses of tasks still reach it.
func (a *agent) run(ctx context.Context) error {
	roles, ctx := errgroup.WithContext(ctx)
	serverCtx, endServer := context.WithCancel(context.WithoutCancel(ctx))
	if a.server != nil {
		roles.Go(func() error { return a.server.start(serverCtx) })
	} else {
		roles.Go(func() error { return a.client.serveHTTP(serverCtx, a.http) })
	}
	roles.Go(func() error {
		defer endServer()
		if a.client == nil {
			<-ctx.Done()
			return nil
		}
		return a.client.start(ctx)
	})
	roles.Go(func() error {
		<-ctx.Done()
		a.log.Info("agent stopping; a second signal ends it at once")
		return nil
	})
	err := roles.Wait()
	a.log.Info("agent ended")
	return err
}

// ignoreHangup keeps the agent alive when systemd reloads it or its terminal goes.
func ignoreHangup(ctx context.Context, log logr.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(hup); close(hup) })
	go func() { // ends with ctx
		for range hup {
			log.Info("configuration is not reloaded: restart the agent to change it; tasks run on meanwhile")
		}
	}()
}
