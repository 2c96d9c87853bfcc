package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/server/httpapi"
	"github.com/droverhq/drover/server/keyring"
	"github.com/droverhq/drover/server/sessions"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/raft"
)

// Options is what a server needs; the fields up to Sessions are required.
type Options struct {
	DataDir  string // of the server alone; made if it is not there
	Name     string // of the machine
	HTTP     net.Listener
	Sessions net.Listener

	// SessionAddress is where node agents reach Sessions, host:port. Default: the
	// listener's own address.
	SessionAddress string
	// SessionTimeout is how long a node agent may be silent before its session ends.
	// Default 15 s.
	SessionTimeout time.Duration
	Region         string // default global
	Datacenter     string // default dc1
	Version        string
	GossipPort     uint16 // shown of the server as a member
	Debug          bool   // whether the API shows profiles of the process
	// Config is shown by GET /v1/agent/self.
	Config map[string]any
	// Client says how the node role of the same process does, if it has one: see
	// httpapi.Agent.
	Client      httpapi.Agent
	Controllers controllers.Options
	// Scheduler is the configuration that a new cluster begins with; nil: the default.
	Scheduler *api.SchedulerConfiguration
	Limits    httpapi.Limits
	// HeaderTimeout bounds how long a client may take to say what it wants. Default 10 s.
	HeaderTimeout time.Duration
	Log           logr.Logger
}

// Server is a running server role.
type Server struct {
	log     logr.Logger
	store   *raft.Store
	keyring *keyring.Keyring
	// scheduler is the configuration that a new cluster begins with.
	scheduler api.SchedulerConfiguration
	http      *http.Server
	listener  net.Listener
	sessions  net.Listener
	api       *httpapi.API
	hub       *sessions.Hub
	manager   *reconcile.Manager
}

const (
	defaultHeaderTimeout = 10 * time.Second
	// idleTimeout is how long a connection without requests is kept.
	idleTimeout = 2 * time.Minute
	// maxHeader is the largest head of a request, in bytes.
	maxHeader = 64 << 10
	// shutdownTimeout is how long requests under way may take when the server ends.
	shutdownTimeout = 3 * time.Second
)

// New opens the server's data and puts its parts together. The server must be
// started, or its data stays locked.
func New(o Options) (*Server, error) {
	id, err := identity(filepath.Join(o.DataDir, "id"))
	if err != nil {
		return nil, err
	}
	st, err := raft.Open(raft.Options{DataDir: o.DataDir, ServerID: id, Log: o.Log.WithName("store")})
	if err != nil {
		return nil, fmt.Errorf("open the server's data in %s: %w", o.DataDir, err)
	}
	keystore, err := openKeystore(filepath.Join(o.DataDir, "keystore"), st.Snapshot())
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	s, err := assemble(o, id, st, keyring.New(keystore))
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return s, nil
}

// underWay is how many objects controllers and node sessions write at a time: enough to
// keep the log, the disk and the processor at work, few enough that what users read and
// write waits for them for some milliseconds only.
const underWay = 1024

// What controllers write by the few, such as the answer to somebody who has asked for a
// look at a job, does not wait behind what they write by the thousand: so many objects of
// transactions of up to few are written at a time beside.
const (
	few         = 16
	fewUnderWay = 64
)

func assemble(o Options, id string, st *raft.Store, ring *keyring.Keyring) (*Server, error) {
	metrics := prometheus.NewRegistry()
	bulk := store.Throttle(st, underWay)
	manager, err := reconcile.NewManager(reconcile.Options{
		Store: store.Lanes{Store: bulk, Quick: store.Throttle(st, fewUnderWay), Few: few}, ServerID: id, Registerer: metrics, Log: o.Log.WithName("controllers"),
	})
	if err != nil {
		return nil, err
	}
	live := &job.Live{}
	o.Controllers.Job.Live = live
	if err := controllers.Register(manager, o.Controllers); err != nil {
		return nil, err
	}
	address := cmp.Or(o.SessionAddress, o.Sessions.Addr().String())
	var handler *httpapi.API // it is there before the hub serves anybody
	hub := sessions.New(sessions.Options{
		Store: bulk, ServerID: id, Log: o.Log.WithName("sessions"),
		API:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }),
		Servers: func() []string { return []string{address} }, Timeout: o.SessionTimeout,
	})
	scheduler := o.Scheduler
	if scheduler == nil {
		scheduler = api.DefaultSchedulerConfiguration()
	}
	handler = httpapi.New(httpapi.Options{
		Store: st, Nodes: hub, Agent: o.agent(id, address), Metrics: metrics, Controllers: manager, Live: live, GC: o.Controllers.GC,
		Limits: o.Limits, Keyring: ring, Log: o.Log.WithName("http"),
	})
	return &Server{
		log: o.Log, store: st, keyring: ring, scheduler: *scheduler, api: handler, hub: hub, manager: manager, listener: o.HTTP, sessions: o.Sessions,
		http: &http.Server{
			Handler: handler, ReadHeaderTimeout: cmp.Or(o.HeaderTimeout, defaultHeaderTimeout),
			IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		},
	}, nil
}

// agent is what the API shows of this process.
func (o Options) agent(id, address string) httpapi.Agent {
	a := o.Client
	a.Name, a.Version, a.ServerID, a.SessionAddress = o.Name, o.Version, id, address
	a.Region, a.Datacenter = cmp.Or(o.Region, "global"), cmp.Or(o.Datacenter, "dc1")
	a.GossipPort, a.Config, a.Debug = o.GossipPort, o.Config, o.Debug
	return a
}

// Start serves until ctx is cancelled, then ends everything in order and returns
// nil; or it returns what made it end by itself.
func (s *Server) Start(ctx context.Context) error {
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return s.api.Start(ctx) })
	parts.Go(func() error { return s.manager.Start(ctx) })
	parts.Go(func() error { return s.hub.Serve(ctx, s.sessions) })
	parts.Go(func() error { return s.keepBuiltins(ctx) })
	parts.Go(s.serveHTTP)
	parts.Go(func() error {
		<-ctx.Done()
		return s.shutdownHTTP()
	})
	err := parts.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, s.store.Close())
}

func (s *Server) serveHTTP() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

// shutdownHTTP lets requests under way finish for a while, then breaks them off.
func (s *Server) shutdownHTTP() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.V(1).Info("requests were broken off", "reason", err.Error())
		return s.http.Close()
	}
	return nil
}
