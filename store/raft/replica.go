package raft

import (
	"errors"
	"io"

	"github.com/lni/dragonboat/v3/statemachine"

	"github.com/droverhq/drover/store/fsm"
)

// replica is a state machine as Dragonboat wants it. The machine is opened before and
// closed after it by the store, which owns it.
type replica struct {
	machine *fsm.Machine
	log     *logSize
	entries []fsm.Entry
}

var _ statemachine.IOnDiskStateMachine = (*replica)(nil)

// Open implements statemachine.IOnDiskStateMachine.
func (r *replica) Open(<-chan struct{}) (uint64, error) { return r.machine.Applied(), nil }

// Update implements statemachine.IOnDiskStateMachine.
func (r *replica) Update(entries []statemachine.Entry) ([]statemachine.Entry, error) {
	r.entries = r.entries[:0]
	var bytes uint64
	for _, e := range entries {
		r.entries = append(r.entries, fsm.Entry{Index: e.Index, Cmd: e.Cmd})
		bytes += uint64(len(e.Cmd))
	}
	if err := r.machine.Update(r.entries); err != nil {
		return nil, err
	}
	for i := range entries {
		entries[i].Result.Data = r.entries[i].Result
	}
	clear(r.entries) // keep no entry alive
	r.log.grow(uint64(len(entries)), bytes)
	return entries, nil
}

// Lookup implements statemachine.IOnDiskStateMachine. Reads do not go through it.
func (r *replica) Lookup(any) (any, error) { return nil, errors.ErrUnsupported }

// Sync implements statemachine.IOnDiskStateMachine.
func (r *replica) Sync() error { return r.machine.Sync() }

// PrepareSnapshot implements statemachine.IOnDiskStateMachine.
func (r *replica) PrepareSnapshot() (any, error) { return r.machine.Image(), nil }

// SaveSnapshot implements statemachine.IOnDiskStateMachine.
func (r *replica) SaveSnapshot(image any, w io.Writer, stop <-chan struct{}) error {
	i := image.(*fsm.Image)
	err := errors.Join(i.Write(w, stop), i.Close())
	if errors.Is(err, fsm.ErrStopped) {
		return statemachine.ErrSnapshotStopped
	}
	if errors.Is(err, statemachine.ErrSnapshotStreaming) {
		return statemachine.ErrSnapshotStreaming
	}
	return err
}

// RecoverFromSnapshot implements statemachine.IOnDiskStateMachine.
func (r *replica) RecoverFromSnapshot(image io.Reader, stop <-chan struct{}) error {
	err := r.machine.Recover(image, stop)
	if errors.Is(err, fsm.ErrStopped) {
		return statemachine.ErrSnapshotStopped
	}
	return err
}

// Close implements statemachine.IOnDiskStateMachine.
func (r *replica) Close() error { return nil }
