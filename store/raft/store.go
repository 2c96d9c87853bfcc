package raft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lni/dragonboat/v3"
	"github.com/lni/dragonboat/v3/client"
	"github.com/lni/dragonboat/v3/config"
	"github.com/lni/dragonboat/v3/statemachine"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/fsm"
)

const (
	// groupID is the number of the one raft group that there is.
	groupID = 1
	// maxInMemoryLog is how much may be in the log but not applied yet before
	// proposals are refused for a while. It must hold several of the largest entries.
	maxInMemoryLog = 4*store.MaxTxnBytes + 1<<20
	// syncTimeout is how long Sync waits for the leader's answer before it asks again.
	syncTimeout = time.Second
)

// Store is one replica of the store. It implements store.Store.
type Store struct {
	o          Options
	machine    *fsm.Machine
	host       *dragonboat.NodeHost
	session    *client.Session
	leadership *leadership
	log        *logSize
	space      space
	local      *localProposals
	queue      chan *request
	caughtUp   atomic.Bool // a Sync has succeeded

	ctx       context.Context // ends with closing
	closeOnce sync.Once
	closing   chan struct{} // closed when Close begins
	closed    chan struct{} // closed when everything has stopped
	closeErr  error
	workers   sync.WaitGroup
	restoring sync.Mutex // held by Restore
}

var _ store.Store = (*Store)(nil)

// Open opens a replica, or makes it. It reads all objects from disk and does not wait
// for a leader.
func Open(o Options) (*Store, error) {
	if err := o.setDefaults(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{
		o:          o,
		leadership: newLeadership(&o),
		log:        newLogSize(&o),
		space:      space{dir: o.DataDir, min: o.MinFreeBytes},
		local:      newLocalProposals(),
		queue:      make(chan *request, queueLen),
		closing:    make(chan struct{}),
		closed:     make(chan struct{}),
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open store in %s: %w", o.DataDir, err)
	}
	var cancel context.CancelFunc
	s.ctx, cancel = context.WithCancel(context.Background())
	s.workers.Go(func() {
		<-s.closing
		cancel()
	})
	for range proposers {
		s.workers.Go(s.propose)
	}
	s.workers.Go(s.compact)
	return s, nil
}

func (s *Store) open() (err error) {
	s.machine, err = fsm.Open(fsm.Options{
		Dir:           filepath.Join(s.o.DataDir, "store"),
		MemTableBytes: s.o.StateBufferBytes,
		Tables:        s.o.Tables,
		Local:         s.local.take,
		Log:           s.o.Log,
		Fatal:         s.o.Fatal,
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.machine.Close())
		}
	}()
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	if err := adopt(s.raftDir(), hostname); err != nil {
		return err
	}
	if err := undoInterruptedOpen(s.raftDir()); err != nil {
		return err
	}
	dragonboatLog.use(s.o.Log.WithName("raft"), s.o.Fatal)
	if s.host, err = dragonboat.NewNodeHost(s.hostConfig()); err != nil {
		return fmt.Errorf("open raft log: %w", err)
	}
	if s.host == nil { // it has swallowed a panic of its own
		return errors.New("open raft log: it did not start")
	}
	if err = s.start(); err != nil {
		s.host.Stop()
		return fmt.Errorf("start raft: %w", err)
	}
	s.session = s.host.GetNoOPSession(groupID)
	return nil
}

// start starts the replica, in a group that it has been in before, or a new one.
func (s *Store) start() error {
	members, join := s.o.targets(), s.o.Join
	switch {
	case s.host.HasNodeInfo(groupID, s.o.ReplicaID):
		members, join = nil, false // it knows
	case s.machine.Applied() > 0:
		return errors.New("there is a state but no raft log of it: put that back, or remove both to start empty")
	}
	create := func(uint64, uint64) statemachine.IOnDiskStateMachine {
		return &replica{machine: s.machine, log: s.log}
	}
	return s.host.StartOnDiskCluster(members, join, create, config.Config{
		NodeID:          s.o.ReplicaID,
		ClusterID:       groupID,
		CheckQuorum:     true,
		ElectionRTT:     s.o.ElectionRTT,
		HeartbeatRTT:    s.o.HeartbeatRTT,
		MaxInMemLogSize: maxInMemoryLog,
	})
}

func (s *Store) raftDir() string { return filepath.Join(s.o.DataDir, "raft") }

func (s *Store) hostConfig() config.NodeHostConfig {
	logDB := config.GetTinyMemLogDBConfig()
	logDB.Shards = 1 // there is one group
	logDB.KVWriteBufferSize = s.o.LogBufferBytes
	c := config.NodeHostConfig{
		NodeHostDir:       s.raftDir(),
		RaftAddress:       s.o.address(s.o.RaftAddress),
		ListenAddress:     s.o.ListenAddress,
		RTTMillisecond:    uint64(s.o.RTT.Milliseconds()),
		RaftEventListener: s.leadership,
		Expert: config.ExpertConfig{
			LogDB:  logDB,
			Engine: config.EngineConfig{ExecShards: 1, CommitShards: 1, ApplyShards: 1, SnapshotShards: 2, CloseShards: 1},
		},
	}
	if s.o.alone() {
		c.Expert.TransportFactory = lonely{}
	}
	return c
}

// Snapshot implements store.Store.
func (s *Store) Snapshot() store.Snapshot { return s.machine.Tables().Snapshot() }

// WaitIndex implements store.Store.
func (s *Store) WaitIndex(ctx context.Context, index uint64) error {
	return s.machine.Tables().WaitIndex(ctx, index)
}

// Watch implements store.Store.
func (s *Store) Watch(after uint64, kinds ...api.Kind) store.Feed {
	return s.machine.Tables().Watch(after, kinds...)
}

// Sync implements store.Store. A replica that is alone has applied every write that anybody
// knows of, once it has caught up with its own log: what is under way need not be waited for.
func (s *Store) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.o.alone() && s.caughtUp.Load() {
		select {
		case <-s.closing:
			return store.ErrClosed
		default:
			return nil
		}
	}
	retry := s.newRetry(ctx)
	for {
		err := s.sync(ctx)
		if err == nil {
			s.caughtUp.Store(true)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err := retry.wait(err); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
	}
}

// sync asks once.
func (s *Store) sync(ctx context.Context) error {
	request, err := s.host.ReadIndex(groupID, syncTimeout)
	if err != nil {
		return err
	}
	select {
	case r := <-request.ResultC():
		request.Release()
		switch {
		case r.Completed():
			return nil
		case r.Terminated():
			return store.ErrClosed
		}
		return dragonboat.ErrClusterNotReady // dropped, or no answer in time: ask again
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closing:
		return store.ErrClosed
	}
}

// Close implements store.Store. Transactions that are under way may or may not be
// applied.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.host.Stop()
		s.workers.Wait()
		s.closeErr = s.machine.Close()
		close(s.closed)
	})
	<-s.closed
	return s.closeErr
}
