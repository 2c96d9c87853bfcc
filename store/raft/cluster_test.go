package raft_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/raft"
)

// cluster is three replicas in one process, which talk over the loopback interface.
type cluster struct {
	testing.TB
	ctx     context.Context
	options [3]raft.Options
	stores  [3]*raft.Store // nil: stopped
}

func newCluster(t testing.TB) *cluster {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	c := &cluster{TB: t, ctx: ctx}
	members := make(map[uint64]raft.Member)
	for i := range c.options {
		members[uint64(i+1)] = raft.Member{ServerID: fmt.Sprint("s", i+1), Address: freeAddress(t)}
	}
	for i := range c.options {
		m := members[uint64(i+1)]
		c.options[i] = raft.Options{
			DataDir: t.TempDir(), ServerID: m.ServerID, ReplicaID: uint64(i + 1), RaftAddress: m.Address,
			InitialMembers: members, CompactEntries: 50, NoLeaderTimeout: 30 * time.Second,
		}
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range c.stores {
			c.stop(i)
		}
	})
	return c
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	return l.Addr().String()
}

func (c *cluster) start(i int) {
	c.Helper()
	s, err := raft.Open(c.options[i])
	if err != nil {
		c.Fatalf("open replica %d: %v", i, err)
	}
	c.stores[i] = s
}

func (c *cluster) stop(i int) {
	c.Helper()
	if c.stores[i] == nil {
		return
	}
	if err := c.stores[i].Close(); err != nil {
		c.Errorf("close replica %d: %v", i, err)
	}
	c.stores[i] = nil
}

// put writes through a replica, as often as the outcome is that nobody leads.
func (c *cluster) put(i int, o api.Object) uint64 {
	c.Helper()
	r, err := c.stores[i].Apply(c.ctx, store.Txn{Writes: []store.Write{store.Put(o)}})
	if err != nil {
		c.Fatalf("apply on replica %d: %v", i, err)
	}
	return r.Index
}

// leader waits until a replica leads.
func (c *cluster) leader() int {
	c.Helper()
	for {
		for i, s := range c.stores {
			if s != nil && s.Leader().IsSelf {
				return i
			}
		}
		for i, s := range c.stores {
			if s == nil {
				continue
			}
			changed := s.LeaderChanged()
			if s.Leader().IsSelf {
				return i
			}
			select {
			case <-changed:
			case <-time.After(20 * time.Millisecond): // another may have become leader
			case <-c.ctx.Done():
				c.Fatal("no leader")
			}
		}
	}
}

// agree waits until the running replicas have reached index and compares them.
func (c *cluster) agree(index uint64) {
	c.Helper()
	var first []byte
	for i, s := range c.stores {
		if s == nil {
			continue
		}
		if err := s.WaitIndex(c.ctx, index); err != nil {
			c.Fatalf("replica %d waits for %d: %v", i, index, err)
		}
		var b bytes.Buffer
		if err := s.Save(c.ctx, &b); err != nil {
			c.Fatalf("save replica %d: %v", i, err)
		}
		if first == nil {
			first = b.Bytes()
		}
		if !bytes.Equal(first, b.Bytes()) {
			c.Fatalf("replica %d differs", i)
		}
	}
}

func node(i int) *api.Node { return &api.Node{ID: fmt.Sprint("n", i)} }

func TestAnyReplicaTakesWritesAndSyncedReads(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var index uint64
	for i := range 30 {
		index = c.put(i%3, node(i))
		reader := c.stores[(i+1)%3]
		if err := reader.Sync(c.ctx); err != nil {
			t.Fatalf("sync: %v", err)
		}
		if have := reader.Snapshot().Index(); have < index {
			t.Fatalf("a synced read shows index %d after a write at %d", have, index)
		}
	}
	c.agree(index)
	lead := c.leader()
	for i, s := range c.stores {
		info := s.Leader()
		if info.ServerID != c.options[lead].ServerID || info.Address != c.options[lead].RaftAddress || info.IsSelf != (i == lead) {
			t.Errorf("replica %d says that %+v leads", i, info)
		}
	}
	_, err := c.stores[(lead+1)%3].Apply(c.ctx, store.Txn{
		Conditions: []store.Condition{store.Absent(node(3).Key())},
		Writes:     []store.Write{store.Put(node(3))},
	})
	if !errors.Is(err, api.ErrConflict) {
		t.Errorf("error on a follower is %v, want a conflict", err)
	}
}

func TestTheClusterGoesOnWithoutItsLeader(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.put(0, node(0))
	old := c.leader()
	c.stop(old)
	others := []int{(old + 1) % 3, (old + 2) % 3}
	index := c.put(others[0], node(1))
	c.put(others[1], node(2))
	if now := c.leader(); now == old {
		t.Fatal("the leader that was stopped leads")
	}
	c.start(old)
	index = max(index, c.put(old, node(3)))
	c.agree(index)
	c.stop(others[0])
	c.stop(others[1])
	ctx, cancel := context.WithTimeout(c.ctx, 300*time.Millisecond)
	defer cancel()
	if _, err := c.stores[old].Apply(ctx, store.Txn{Writes: []store.Write{store.Put(node(4))}}); err == nil {
		t.Fatal("a replica without a majority took a write")
	}
	if _, ok := c.stores[old].Snapshot().Get(node(3).Key()); !ok {
		t.Fatal("a replica without a majority does not answer reads")
	}
}

func TestAReplicaThatWasAwayForLongGetsASnapshot(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.put(0, node(0))
	away := (c.leader() + 1) % 3
	c.stop(away)
	var writing sync.WaitGroup
	for w := range 4 {
		writing.Go(func() {
			for i := range 200 { // the log is cut every 50 entries
				c.put((away+1+i%2)%3, node(w*1000+i))
			}
		})
	}
	writing.Wait()
	index := c.put((away+1)%3, node(9999))
	c.start(away)
	feed := c.stores[away].Watch(c.stores[away].Snapshot().Index())
	defer feed.Close()
	c.agree(index)
	c.agree(c.put(away, node(10_000)))
}

func TestABackupIsRestoredOnAllReplicas(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for i := range 20 {
		c.put(0, node(i))
	}
	var saved bytes.Buffer
	if err := c.stores[0].Save(c.ctx, &saved); err != nil {
		t.Fatal(err)
	}
	want := c.stores[0].Snapshot().Count(store.Query{Kind: api.KindNode})
	for i := range 40 {
		c.put(1, node(100+i))
	}
	follower := (c.leader() + 1) % 3
	if err := c.stores[follower].Restore(c.ctx, &saved); err != nil {
		t.Fatalf("restore: %v", err)
	}
	c.agree(c.stores[follower].Snapshot().Index())
	for i, s := range c.stores {
		if n := s.Snapshot().Count(store.Query{Kind: api.KindNode}); n != want {
			t.Errorf("replica %d has %d nodes, want %d", i, n, want)
		}
	}
	c.agree(c.put(0, node(1000)))
}
