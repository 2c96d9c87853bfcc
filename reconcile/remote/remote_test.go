package remote_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/examples/nodejob"
	"github.com/droverhq/drover/jobspec"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/jobs"
	"github.com/droverhq/drover/reconcile/remote"
	"github.com/droverhq/drover/server/httpapi"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
	"github.com/droverhq/drover/store/table"
)

// cluster is a server's HTTP API over a store in memory.
type cluster struct {
	t      *testing.T
	store  *mem.Store
	server *httptest.Server
	client *client.Client
}

func newCluster(t *testing.T, feed table.Options) *cluster {
	t.Helper()
	s := mem.New(mem.Options{Tables: feed})
	a := httpapi.New(httpapi.Options{Store: s})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.Start(ctx); err != nil {
			t.Errorf("API: %v", err)
		}
	})
	server := httptest.NewServer(a)
	t.Cleanup(func() {
		stop()
		running.Wait()
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	cl, err := client.New(client.Config{Address: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, store: s, server: server, client: cl}
	c.put(&api.Namespace{Name: "default"}, &api.NodePool{Name: "default"}, &api.NodePool{Name: "all"})
	return c
}

func (c *cluster) put(objects ...api.Object) uint64 {
	c.t.Helper()
	var txn store.Txn
	for _, o := range objects {
		txn.Writes = append(txn.Writes, store.Put(o))
	}
	result, err := c.store.Apply(c.t.Context(), txn)
	if err != nil {
		c.t.Fatal(err)
	}
	return result.Index
}

func (c *cluster) open(kinds ...api.Kind) *remote.Mirror {
	c.t.Helper()
	m, err := remote.Open(c.t.Context(), remote.Options{Client: c.client, Kinds: kinds, Retry: time.Millisecond})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := m.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return m
}

// batchJob is a job as the HTTP API stores it.
func batchJob(t *testing.T, id string) *api.Job {
	t.Helper()
	job, _, err := jobspec.Parse(jobspec.ParseOptions{Body: []byte(`job "` + id + `" {
  type = "batch"
  parameterized {}
  group "scan" {
    task "scan" {
      driver = "raw_exec"
      config { command = "/bin/true" }
    }
  }
}`)})
	if err != nil {
		t.Fatal(err)
	}
	jobspec.Canonicalize(job)
	job.Version = new(uint64(0))
	return job
}

func nodeKey(id string) api.Key { return api.Key{Kind: api.KindNode, ID: id} }

func TestMirrorListsAndFollows(t *testing.T) {
	c := newCluster(t, table.Options{})
	before := c.put(&api.Node{ID: "n1", SecretID: "secret", Meta: map[string]string{"a": "b"}}, &api.Job{Namespace: new("default"), ID: new("x")})
	m := c.open(api.KindNode)
	n, ok := store.Get[*api.Node](m.Snapshot(), nodeKey("n1"))
	if !ok || n.Meta["a"] != "b" || n.ModifyIndex != before || n.SecretID != "" {
		t.Fatalf("the mirror has %+v", n)
	}
	feed := m.Watch(m.Snapshot().Index(), api.KindNode)
	defer feed.Close()
	c.put(&api.Node{ID: "n2"})
	index := c.put(&api.Node{ID: "n1"})
	if err := m.WaitIndex(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	if got := m.Snapshot().Count(store.Query{Kind: api.KindNode}); got != 2 {
		t.Errorf("%d nodes, want 2", got)
	}
	changes, upTo, err := feed.Next(t.Context())
	if err != nil || len(changes) == 0 || changes[0].Key != nodeKey("n2") || upTo > index {
		t.Errorf("the feed tells %v up to %d, %v", changes, upTo, err)
	}
}

func TestReadingAKindThatIsNotFollowedIsAMistake(t *testing.T) {
	c := newCluster(t, table.Options{})
	m := c.open(api.KindNode)
	defer func() {
		var unfollowed *remote.UnfollowedError
		if err, _ := recover().(error); !errors.As(err, &unfollowed) || unfollowed.Kind != api.KindJob {
			t.Errorf("it panicked with %v", err)
		}
	}()
	m.Snapshot().Get(api.JobKey("default", "x"))
}

func TestMirrorGoesOnWhenTheConnectionBreaks(t *testing.T) {
	for name, feed := range map[string]table.Options{
		"where it was":                         {},
		"from a list, if the server lost that": {FeedChanges: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, feed)
			m := c.open(api.KindNode)
			for _, id := range []string{"n1", "n2", "n3"} {
				c.server.CloseClientConnections()
				c.put(&api.Node{ID: id}, &api.Node{ID: id + "-too"})
				c.put(&api.Node{ID: id})
			}
			for m.Snapshot().Count(store.Query{Kind: api.KindNode}) < 6 {
				if err := m.WaitIndex(t.Context(), m.Snapshot().Index()+1); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestWritesKeepTheirConditions(t *testing.T) {
	c := newCluster(t, table.Options{})
	if _, err := c.client.Kinds.Define(t.Context(), &api.KindDefinition{
		Name: "note", Schema: api.Values{"type": "object", "required": []any{"text"}},
	}); err != nil {
		t.Fatal(err)
	}
	m := c.open("note", api.StatusKind("note"), api.KindNode, api.KindJob, api.KindJobVersion)
	note := &api.Resource{Kind: "note", Namespace: "default", Name: "a", Spec: api.Values{"text": "x"}}
	status := &api.ResourceStatus{Kind: "note", Namespace: "default", Name: "b", Status: api.Values{"n": int64(1)}}
	write := func(conditions []store.Condition, objects ...api.Object) error {
		txn := store.Txn{Conditions: conditions}
		for _, o := range objects {
			txn.Writes = append(txn.Writes, store.Put(o))
		}
		_, err := m.Apply(t.Context(), txn)
		return err
	}
	if err := write([]store.Condition{store.Absent(note.Key()), store.Absent(nodeKey("n1"))}, note); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Snapshot().Get(note.Key()); !ok {
		t.Error("the mirror does not show what was written")
	}
	if err := write([]store.Condition{store.Absent(note.Key())}, note); !errors.Is(err, api.ErrConflict) {
		t.Errorf("a condition that does not hold: %v", err)
	}
	var unwritable *remote.UnwritableError
	if err := write(nil, note, &api.NodeStatus{NodeID: "n1"}); !errors.As(err, &unwritable) || !reconcile.IsTerminal(err) {
		t.Errorf("a kind of the servers: %v", err)
	}
	for name, refused := range map[string]api.Object{
		"missing: text":       &api.Resource{Kind: "note", Namespace: "default", Name: "b"},
		"not found":           status,
		"namespace \"x\"":     &api.Resource{Kind: "note", Namespace: "x", Name: "b", Spec: note.Spec},
		"without its version": batchJob(t, "scan"),
	} {
		if err := write(nil, refused); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	txn, err := jobs.Register(m.Snapshot(), batchJob(t, "scan"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Apply(t.Context(), txn); err != nil {
		t.Errorf("register a job: %v", err)
	}
	if _, err := m.Apply(t.Context(), txn); !errors.Is(err, api.ErrConflict) {
		t.Errorf("register it again, as the same version: %v", err)
	}
}

func TestMirrorOfNoServerIsAnError(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	cl, err := client.New(client.Config{Address: gone.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Open(t.Context(), remote.Options{Client: cl, Kinds: []api.Kind{api.KindNode}}); err == nil {
		t.Error("it was opened")
	}
}

// The controller of examples/nodejob, which its own tests run as within a server, runs
// outside of one.
func TestSameControllerRunsOutsideOfAServer(t *testing.T) {
	c := newCluster(t, table.Options{})
	if _, err := c.client.Kinds.Define(t.Context(), &api.KindDefinition{Name: "node_job", Schema: api.Values{"type": "object"}}); err != nil {
		t.Fatal(err)
	}
	template := batchJob(t, "scan")
	c.put(template, &api.JobVersion{Job: template}, &api.Node{ID: "n1", Meta: map[string]string{"gpu": "a100"}})
	if _, err := c.client.Resources.Put(t.Context(), &api.Resource{
		Kind: "node_job", Namespace: "default", Name: "gpus", Spec: api.Values{"key": "gpu", "job": "scan"},
	}); err != nil {
		t.Fatal(err)
	}
	m := c.open(nodejob.Kinds()...)
	manager, err := reconcile.NewManager(reconcile.Options{Store: m, ServerID: "outside"})
	if err != nil {
		t.Fatal(err)
	}
	if err := nodejob.Register(manager); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	until := func(what string, holds func(*api.Job) bool) {
		t.Helper()
		for index := uint64(0); ; {
			job, _ := store.Get[*api.Job](c.store.Snapshot(), api.JobKey("default", "gpus-n1"))
			if job != nil && holds(job) {
				return
			}
			index = c.store.Snapshot().Index()
			waiting, stop := context.WithTimeout(t.Context(), 20*time.Second)
			err := c.store.WaitIndex(waiting, index+1)
			stop()
			if err != nil {
				t.Fatalf("%s: %v; %+v", what, err, manager.Status()[0].LastError)
			}
		}
	}
	until("the node has the key", func(j *api.Job) bool { return !j.Stopped() })
	c.put(&api.Node{ID: "n1"})
	until("the node lost the key", (*api.Job).Stopped)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestStreamFromAnIndexThatIsNotKeptSaysSo(t *testing.T) {
	c := newCluster(t, table.Options{FeedChanges: 1})
	for range 3 {
		c.put(&api.Node{ID: "n1"})
	}
	err := c.client.Events.Follow(t.Context(), 2, client.Query{Params: map[string]string{"topic": "Node"}}, func(e api.Events) error {
		t.Errorf("it shows %+v", e)
		return nil
	})
	if !client.Lost(err) || !strings.Contains(err.Error(), "list what you need") {
		t.Errorf("it ended with %v", err)
	}
}
