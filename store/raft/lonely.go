package raft

import (
	"context"
	"errors"

	"github.com/lni/dragonboat/v3/config"
	"github.com/lni/dragonboat/v3/raftio"
)

// lonely is the transport of a replica that has no others to talk to.
type lonely struct{}

var errLonely = errors.New("this replica has no raft address")

// Create implements config.TransportFactory.
func (lonely) Create(config.NodeHostConfig, raftio.MessageHandler, raftio.ChunkHandler) raftio.ITransport {
	return lonely{}
}

// Validate implements config.TransportFactory.
func (lonely) Validate(addr string) bool { return addr == lonelyAddress }

// Name implements raftio.ITransport.
func (lonely) Name() string { return "lonely" }

// Start implements raftio.ITransport.
func (lonely) Start() error { return nil }

// Stop implements raftio.ITransport.
func (lonely) Stop() {}

// GetConnection implements raftio.ITransport.
func (lonely) GetConnection(context.Context, string) (raftio.IConnection, error) {
	return nil, errLonely
}

// GetSnapshotConnection implements raftio.ITransport.
func (lonely) GetSnapshotConnection(context.Context, string) (raftio.ISnapshotConnection, error) {
	return nil, errLonely
}
