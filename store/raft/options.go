package raft

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/store/table"
)

// Options for Open.
type Options struct {
	// DataDir holds the raft log (DataDir/raft) and the state (DataDir/store).
	// Required. One process at a time can open it.
	DataDir string
	// ServerID is the name of this server, as LeaderInfo shows it. Required.
	ServerID string
	// ReplicaID is this replica's number in the group: not 0, never changed, and never
	// used again for another. Default: 1.
	ReplicaID uint64
	// RaftAddress is the host:port at which the other replicas reach this one; it
	// may not change once it has been used. Empty: there are no others, ever, and
	// nothing listens.
	RaftAddress string
	// ListenAddress is where to listen, if that is not RaftAddress.
	ListenAddress string
	// InitialMembers are the replicas of a new group, the same on all of them,
	// with this one. Default: this one alone. They also give replicas their names in
	// LeaderInfo.
	InitialMembers map[uint64]Member
	// Join says that this replica was added to a running group: it gets the members
	// and everything else from the others.
	Join bool

	// RTT is the unit of the raft clock, about the time that a message takes to
	// another replica and back. Default: 10 ms.
	RTT time.Duration
	// ElectionRTT is after how many RTTs without a leader a replica stands for
	// election, and up to twice that by chance. Default: 10; 3 if it is alone.
	ElectionRTT uint64
	// HeartbeatRTT is how often the leader says that it is there. Default: 1 RTT.
	HeartbeatRTT uint64
	// NoLeaderTimeout is how long Apply and Sync wait for a leader before they fail
	// with api.ErrNoLeader. Default: 5 s, several elections.
	NoLeaderTimeout time.Duration

	// LogBufferBytes is how much of the raft log is gathered in memory before it is
	// written out as a table (it is in the synced write-ahead log before that). Up to
	// four times that is in use under load. Default: 8 MiB.
	LogBufferBytes uint64
	// StateBufferBytes is the same for the state. Default: 8 MiB.
	StateBufferBytes uint64
	// CompactBytes and CompactEntries are after how much of it the raft log is cut.
	// A replica that was away for longer gets a snapshot instead. A start reads the
	// log from the last cut on. Defaults: 64 MiB, 20,000.
	CompactBytes   uint64
	CompactEntries uint64
	// MinFreeBytes is how much room must be left in DataDir for Apply to accept a
	// transaction. Default: 64 MiB; negative: any.
	MinFreeBytes int64

	// Tables sizes the change feed.
	Tables table.Options
	Log    logr.Logger
	// Fatal is called when this replica can't go on, see the package's page. It should
	// not return. By default it logs the error and ends the process with status 1.
	Fatal func(error)
}

// Member is a replica of the group.
type Member struct {
	ServerID string
	Address  string // its RaftAddress
}

// alone reports whether the group is this replica, for good.
func (o *Options) alone() bool { return o.RaftAddress == "" }

// lonelyAddress is the raft address of a replica that has none.
const lonelyAddress = "localhost:1"

func (o *Options) setDefaults() error {
	switch {
	case o.DataDir == "":
		return errors.New("no data directory")
	case o.ServerID == "":
		return errors.New("no server ID")
	case o.alone() && (o.Join || len(o.InitialMembers) > 1):
		return errors.New("no raft address, but other members")
	}
	def(&o.ReplicaID, 1)
	def(&o.RTT, 10*time.Millisecond)
	if o.RTT < time.Millisecond {
		return fmt.Errorf("the RTT is %v, but at least 1 ms", o.RTT)
	}
	if o.alone() {
		def(&o.ElectionRTT, 3) // there is no one to disagree with
	}
	def(&o.ElectionRTT, 10)
	def(&o.HeartbeatRTT, 1)
	def(&o.NoLeaderTimeout, 5*time.Second)
	def(&o.LogBufferBytes, 8<<20)
	def(&o.StateBufferBytes, 8<<20)
	def(&o.CompactBytes, 64<<20)
	def(&o.CompactEntries, 20_000)
	def(&o.MinFreeBytes, 64<<20)
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	if o.Fatal == nil {
		log := o.Log
		o.Fatal = func(err error) {
			log.Error(err, "the store cannot go on and stops this process; nothing acknowledged is lost")
			os.Exit(1)
		}
	}
	return o.setMembers()
}

func (o *Options) setMembers() error {
	o.InitialMembers = maps.Clone(o.InitialMembers)
	if o.Join {
		return nil
	}
	if len(o.InitialMembers) == 0 {
		o.InitialMembers = map[uint64]Member{o.ReplicaID: {ServerID: o.ServerID, Address: o.RaftAddress}}
	}
	self, ok := o.InitialMembers[o.ReplicaID]
	if !ok || self.ServerID != o.ServerID || self.Address != o.RaftAddress {
		return fmt.Errorf("the initial members %v do not have replica %d as %s at %q",
			o.InitialMembers, o.ReplicaID, o.ServerID, o.RaftAddress)
	}
	return nil
}

// targets are the initial members' addresses, as Dragonboat wants them.
func (o *Options) targets() map[uint64]string {
	if o.Join {
		return nil
	}
	t := make(map[uint64]string, len(o.InitialMembers))
	for id, m := range o.InitialMembers {
		t[id] = o.address(m.Address)
	}
	return t
}

func (o *Options) address(a string) string {
	if a == "" {
		return lonelyAddress
	}
	return a
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
