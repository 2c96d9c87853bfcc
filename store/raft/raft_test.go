package raft_test

import (
	"testing"
	"time"

	"github.com/droverhq/drover/store/raft"
	"github.com/droverhq/drover/store/storetest"
	"github.com/droverhq/drover/store/table"
)

func TestRaftKeepsTheContractOfStore(t *testing.T) { storetest.Run(t, open) }

// open opens a replica that is alone.
func open(t testing.TB, o table.Options) storetest.Opened {
	return openIn(t, raft.Options{DataDir: t.TempDir(), ServerID: "s1", RTT: 2 * time.Millisecond, Tables: o})
}

func openIn(t testing.TB, o raft.Options) storetest.Opened {
	t.Helper()
	s, err := raft.Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	closeIt := func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(closeIt)
	return storetest.Opened{Store: s, Reopen: func(t testing.TB) storetest.Opened {
		closeIt()
		return openIn(t, o)
	}}
}

func TestRaftDoesWhatTheModelDoes(t *testing.T) { storetest.RunModel(t, open) }
