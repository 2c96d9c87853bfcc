package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/droverhq/drover/config"
	"github.com/droverhq/drover/controllers"
	"github.com/droverhq/drover/controllers/gc"
	"github.com/droverhq/drover/controllers/nodehealth"
	"github.com/droverhq/drover/server"
	"github.com/droverhq/drover/server/httpapi"
)

// serverRole is the agent as a server.
type serverRole struct {
	server *server.Server
}

func newServerRole(a *agent) (*serverRole, error) {
	cfg := a.cfg
	address, err := a.advertised(config.RPC, a.sessions)
	if err != nil {
		return nil, err
	}
	shown, err := a.shown()
	if err != nil {
		return nil, err
	}
	o := server.Options{
		DataDir: filepath.Join(cfg.DataDir, "server"), Name: cfg.Name, HTTP: a.http, Sessions: a.sessions,
		SessionAddress: address, SessionTimeout: cfg.Server.SessionTimeout, Region: cfg.Region, Datacenter: cfg.Datacenter, Version: version,
		GossipPort: uint16(cfg.Ports.Serf), Config: shown, Debug: cfg.EnableDebug,
		Controllers: controllers.Options{
			NodeHealth: nodehealth.Options{Grace: cfg.Server.HeartbeatGrace},
			GC: gc.Options{
				Interval: cfg.Server.JobGCInterval, EvalThreshold: cfg.Server.EvalGCThreshold,
				JobThreshold: cfg.Server.JobGCThreshold, DeploymentThreshold: cfg.Server.DeploymentGCThreshold,
				EvalLimit: cfg.Server.EvalGCLimit, AllocationLimit: cfg.Server.AllocGCLimit,
				DeploymentLimit: cfg.Server.DeploymentGCLimit, JobLimit: cfg.Server.JobGCLimit,
				NodeThreshold: cfg.Server.NodeGCThreshold, TrackedVersions: cfg.Server.JobTrackedVersions,
			},
		},
		Scheduler: cfg.Server.DefaultScheduler.Configuration(),
		Limits:    httpapi.Limits{MaxBody: int64(cfg.Limits.HTTPMaxBodyBytes), MaxPayload: cfg.Server.DispatchPayloadLimit},
		Log:       a.log.WithName("server"),
	}
	if a.client != nil {
		o.Client = httpapi.Agent{Client: a.client.health, ClientStats: a.client.stats, ClientMetrics: a.client.agent.Metrics}
	}
	s, err := server.New(o)
	if errors.Is(err, syscall.EAGAIN) { // the store's lock is taken
		return nil, fmt.Errorf("another agent uses the data_dir %s: stop it first, or give this one a data_dir of its own (%w)", cfg.DataDir, err)
	}
	if err != nil {
		return nil, err
	}
	return &serverRole{s}, nil
}

func (r *serverRole) start(ctx context.Context) error { return r.server.Start(ctx) }
