package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server/keyring"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
	"github.com/droverhq/drover/test/recorded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is an API over a store in memory, served on connections in memory, so that
// it may live in a bubble of virtual time.
type cluster struct {
	t      *testing.T
	store  *mem.Store
	api    *API
	client *http.Client
	dial   func(context.Context) (net.Conn, error)
	nodes  *nodes
	stop   func() // the API; what waits is let go
}

// newCluster serves an API. change may adapt its options.
func newCluster(t *testing.T, change ...func(*Options)) *cluster {
	t.Helper()
	c := &cluster{t: t, store: mem.New(mem.Options{}), nodes: newNodes(t)}
	o := Options{
		Store:   c.store,
		Nodes:   c.nodes,
		Keyring: newKeyring(t),
		Log:     testr.New(t),
		Agent: Agent{
			Name: "node-1", Region: "global", Datacenter: "dc1", Version: "2.0.6-dev",
			ServerID: "142956b1-f4e2-62d7-c1f8-37307c3cb41d", SessionAddress: "127.0.0.1:4647", GossipPort: 4648,
		},
	}
	for _, f := range change {
		f(&o)
	}
	c.put(
		&api.Namespace{Name: "default", Description: "Default shared namespace"},
		&api.NodePool{Name: "all", Description: "Node pool with all nodes in the cluster.", NodeIdentityTTL: 24 * time.Hour},
		&api.NodePool{Name: "default", Description: "Default node pool.", NodeIdentityTTL: 24 * time.Hour},
	)
	c.api = New(o)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.api.Start(ctx); err != nil {
			t.Errorf("API: %v", err)
		}
	})
	c.stop = func() { stop(); running.Wait() }
	front := newPipeListener(&http.Server{Handler: c.api, ReadHeaderTimeout: time.Minute})
	c.dial = front.dial
	transport := &http.Transport{
		DisableCompression: true,
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return front.dial(ctx) },
	}
	c.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		c.stop()
		transport.CloseIdleConnections()
		front.close(t)
		if err := c.store.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return c
}

// newKeyring returns a keyring of a keystore of its own.
func newKeyring(t testing.TB) *keyring.Keyring {
	t.Helper()
	keystore, err := keyring.MakeKeystore(filepath.Join(t.TempDir(), "keystore"))
	if err != nil {
		t.Fatal(err)
	}
	return keyring.New(keystore)
}

// put writes objects in one transaction and returns its index.
func (c *cluster) put(objects ...api.Object) uint64 {
	c.t.Helper()
	var writes []store.Write
	for _, o := range objects {
		writes = append(writes, store.Put(o))
	}
	return c.apply(writes)
}

// remove deletes objects in one transaction.
func (c *cluster) remove(keys ...api.Key) {
	c.t.Helper()
	var writes []store.Write
	for _, k := range keys {
		writes = append(writes, store.Delete(k))
	}
	c.apply(writes)
}

func (c *cluster) apply(writes []store.Write) uint64 {
	c.t.Helper()
	result, err := c.store.Apply(c.t.Context(), store.Txn{Writes: writes})
	if err != nil {
		c.t.Fatal(err)
	}
	return result.Index
}

// answered is what a request got.
type answered struct {
	status int
	header http.Header
	body   []byte
}

func (c *cluster) do(method, path, body string) answered {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://drover"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.send(r)
}

func (c *cluster) send(r *http.Request) answered {
	c.t.Helper()
	response, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answered{status: response.StatusCode, header: response.Header, body: b}
}

// get reads a path that must answer 200.
func (c *cluster) get(path string, into any) answered {
	c.t.Helper()
	return c.must(http.MethodGet, path, "", into)
}

// must does what must answer 200, and reads the answer.
func (c *cluster) must(method, path, body string, into any) answered {
	c.t.Helper()
	a := c.do(method, path, body)
	if a.status != http.StatusOK {
		c.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if into != nil {
		if err := json.Unmarshal(a.body, into); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, a.body)
		}
	}
	return a
}

// nodes is agents that answer HTTP on streams in memory.
type nodes struct {
	mu     sync.Mutex
	agents map[string]*pipeListener
}

func newNodes(t *testing.T) *nodes {
	n := &nodes{agents: map[string]*pipeListener{}}
	t.Cleanup(func() {
		for _, l := range n.agents {
			l.close(t)
		}
	})
	return n
}

// connect gives a node an agent.
func (n *nodes) connect(id string, h http.Handler) {
	l := newPipeListener(&http.Server{Handler: h, ReadHeaderTimeout: time.Minute})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.agents[id] = l
}

func (n *nodes) DialNode(ctx context.Context, id string) (net.Conn, error) {
	n.mu.Lock()
	l := n.agents[id]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("node %s has no session with this server: %w", id, api.ErrNotFound)
	}
	return l.dial(ctx)
}

// pipeListener serves HTTP on connections in memory.
type pipeListener struct {
	server *http.Server
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
	served chan error
}

func newPipeListener(server *http.Server) *pipeListener {
	l := &pipeListener{server: server, conns: make(chan net.Conn), closed: make(chan struct{}), served: make(chan error, 1)}
	go func() { l.served <- server.Serve(l) }()
	return l
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) close(t *testing.T) {
	t.Helper()
	if err := l.server.Shutdown(context.Background()); err != nil {
		t.Errorf("shut down: %v", err)
	}
	if err := <-l.served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serve: %v", err)
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// recording is an exchange with the reference.
// recording is an exchange that clients know.
type recording = *recorded.Exchange

func exchange(t *testing.T, number string) recording {
	t.Helper()
	e, err := recorded.Get(number)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// recordedBody reads the body of a recorded answer.
func recordedBody[T any](t *testing.T, number string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(exchange(t, number).Body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// tree decodes JSON with all digits of its numbers.
func tree(t *testing.T, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

var discard = logr.Discard()
