package httpapi

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/droverhq/drover/controllers/gc"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/server/keyring"
	"github.com/droverhq/drover/server/tally"
	"github.com/droverhq/drover/server/watch"
	"github.com/droverhq/drover/store"
)

// Options says what the API serves. Store, Nodes and Keyring are required.
type Options struct {
	Store store.Store
	// Nodes reaches node agents.
	Nodes NodeDialer
	// Agent is the process that serves the API.
	Agent Agent
	// Keyring seals variables.
	Keyring *keyring.Keyring
	// Metrics is what GET /v1/metrics shows besides figures of the store. May be nil.
	Metrics prometheus.Gatherer
	// Controllers are those that GET /v1/operator/controllers shows. May be nil.
	Controllers *reconcile.Manager
	// Live is the fleet of this process's job controller, for dry runs. May be nil.
	Live *job.Live
	// Log gets a line for every request that fails through no fault of the client.
	Log logr.Logger
	// Now is the clock; time.Now if nil.
	Now    func() time.Time
	Limits Limits
	// GC says what a forced collection of garbage leaves.
	GC gc.Options
}

// Limits protect the server from its clients. Zero means the default.
type Limits struct {
	// MaxBody is the largest request body in bytes; by default 32 MiB. Snapshots to be
	// restored may be larger.
	MaxBody int64
	// MaxSource is the largest jobspec source that is kept with a job, in bytes; by
	// default 1 MiB. A larger one is dropped with a warning.
	MaxSource int
	// MaxPayload is the largest payload of a dispatch, in bytes; by default 16 KiB.
	MaxPayload int
	// BodyTimeout is how long a client may take to send a body; by default 1 minute.
	BodyTimeout time.Duration
	// WriteTimeout is how long a client may take to read what was last written to it;
	// by default 30 seconds. It does not bound how long an answer is.
	WriteTimeout time.Duration
	// Heartbeat is the pause between signs of life on an event stream on which
	// nothing happens; by default 10 seconds.
	Heartbeat time.Duration
}

func (l Limits) withDefaults() Limits {
	l.MaxBody = cmp.Or(l.MaxBody, 32<<20)
	l.MaxSource = cmp.Or(l.MaxSource, 1<<20)
	l.MaxPayload = cmp.Or(l.MaxPayload, 16<<10)
	l.BodyTimeout = cmp.Or(l.BodyTimeout, time.Minute)
	l.WriteTimeout = cmp.Or(l.WriteTimeout, 30*time.Second)
	l.Heartbeat = cmp.Or(l.Heartbeat, 10*time.Second)
	return l
}

// API is the HTTP API of a server: an http.Handler. Start must run for as long as it
// serves.
type API struct {
	store       store.Store
	nodes       *nodeProxy
	agent       Agent
	metrics     prometheus.Gatherer
	keyring     *keyring.Keyring
	controllers *reconcile.Manager
	live        *job.Live
	log         logr.Logger
	now         func() time.Time
	limits      Limits
	gc          gc.Options
	started     time.Time

	hub         *watch.Hub
	tally       *tally.Tally
	router      *router
	compressors sync.Pool // of *gzip.Writer
	// serving ends when Start does: then nothing may wait any longer.
	serving context.Context
	stop    context.CancelFunc
	silent  *log.Logger // for what is logged, or answered, elsewhere
}

// New returns the API of a server.
func New(o Options) *API {
	a := &API{
		store:       o.Store,
		agent:       o.Agent,
		metrics:     o.Metrics,
		keyring:     o.Keyring,
		controllers: o.Controllers,
		live:        o.Live,
		log:         o.Log,
		now:         o.Now,
		limits:      o.Limits.withDefaults(),
		gc:          o.GC,
		hub:         watch.NewHub(o.Store),
		tally:       tally.New(o.Store),
		compressors: sync.Pool{New: func() any { return gzip.NewWriter(nil) }},
		silent:      log.New(io.Discard, "", 0),
	}
	if a.live == nil {
		a.live = &job.Live{}
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.started = a.now()
	a.serving, a.stop = context.WithCancel(context.Background())
	a.nodes = newNodeProxy(o.Nodes)
	a.router = newRouter(routes())
	return a
}

// Start follows the store, for those who wait for changes, until the context ends.
// Then blocking queries answer and streams end, so that an http.Server can shut down.
func (a *API) Start(ctx context.Context) error {
	defer a.stop()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return a.hub.Start(ctx) })
	parts.Go(func() error { return a.tally.Start(ctx) })
	return parts.Wait()
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := newWriter(rw, a.limits.WriteTimeout)
	w.Header().Set("Vary", "Accept-Encoding")
	defer func() {
		if cause := recover(); cause != nil {
			a.panicked(w, r, cause)
		}
	}()
	if err := a.serve(w, r); err != nil {
		a.fail(w, r, err)
	}
}

func (a *API) serve(w *writer, r *http.Request) error {
	route, path := a.router.find(r.URL)
	if route == nil {
		return notFound("path " + r.URL.Path)
	}
	handle := route.handler(r.Method)
	if handle == nil {
		return &worded{kind: errMethod, text: "Invalid method"}
	}
	c, err := newCall(a, w, r, path)
	if err != nil {
		return err
	}
	return handle(c)
}

// fail answers with an error, if nothing was answered yet; otherwise the connection
// breaks, so that the client does not take a part for the whole.
func (a *API) fail(w *writer, r *http.Request, err error) {
	status := statusOf(err)
	if status == http.StatusInternalServerError && !errors.Is(err, errUnhealthy) {
		a.log.Error(err, "request failed", "method", r.Method, "path", r.URL.Path)
	}
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	if status == statusClientGone {
		return
	}
	writeError(w, status, err.Error())
}

func writeError(w http.ResponseWriter, status int, message string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Encoding")
	h.Del("Content-Length")
	w.WriteHeader(status)
	// That the client does not read the error changes nothing.
	_, _ = w.Write([]byte(message))
}

// panicked keeps a panic in a handler from ending the process.
func (a *API) panicked(w *writer, r *http.Request, cause any) {
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	a.log.Error(errors.New("panic"), "request failed", "method", r.Method, "path", r.URL.Path,
		"cause", cause, "stack", string(debug.Stack()))
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	writeError(w, http.StatusInternalServerError, "internal error; the server's log says more")
}

// newID returns a new ID of an object.
func newID() string { return uuid.NewString() }
