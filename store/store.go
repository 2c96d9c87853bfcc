package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"github.com/droverhq/drover/api"
)

// Store is a replica of the object store. All methods may be called concurrently.
// Implementations: store/raft (replicated, on disk) and store/mem (for tests and
// tools); store/storetest holds the suite that both pass.
type Store interface {
	// Apply proposes a transaction and returns once it is committed and applied on
	// this replica. Errors: *ConflictError (errors.Is api.ErrConflict) when a
	// condition did not hold, *api.InvalidError, api.ErrNoLeader, api.ErrTooLarge,
	// ErrDiskFull, ErrClosed, or the context's. An error that is also ErrOutcomeUnknown
	// does not say that nothing was written.
	Apply(ctx context.Context, txn Txn) (Result, error)

	// Snapshot returns the objects as they are on this replica now: possibly behind
	// the leader, never torn. It is cheap and needs no closing.
	Snapshot() Snapshot

	// Sync returns once this replica has applied everything that was committed when
	// Sync was called (a linearizable read is Sync, then Snapshot).
	Sync(ctx context.Context) error

	// WaitIndex returns once this replica has applied index.
	WaitIndex(ctx context.Context, index uint64) error

	// Watch returns the changes after index (exclusive), in order. The feed must be
	// closed. It never blocks Apply: a reader that falls behind, or asks for changes
	// that are no longer kept, gets ErrResync from Next.
	Watch(after uint64, kinds ...api.Kind) Feed

	// Leader says what this replica knows about leadership.
	Leader() LeaderInfo

	// LeaderChanged returns a channel that is closed at the next change of Leader().
	LeaderChanged() <-chan struct{}

	// Save writes a backup of the whole state to w without stopping writes; Restore
	// replaces the whole state with one, through the log, on all replicas. A backup
	// that is damaged or of an unknown format is refused before anything changes.
	Save(ctx context.Context, w io.Writer) error
	Restore(ctx context.Context, r io.Reader) error

	Close() error
}

// LeaderInfo is what a replica knows about leadership.
type LeaderInfo struct {
	ServerID string // of the leader; empty if none is known
	Address  string // raft address of the leader
	IsSelf   bool
	Term     uint64 // raft term
}

var (
	// ErrClosed is returned by a store that has been closed.
	ErrClosed = errors.New("store is closed")
	// ErrOutcomeUnknown is returned by Apply when it stops waiting for a transaction that
	// was proposed: it may have been applied, or be applied later, as long as its
	// conditions hold.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrDiskFull is returned by Apply on a replica that has too little room left to
	// take on more. Reads go on, and so does it once there is room again.
	ErrDiskFull = errors.New("too little disk space left to accept writes")
	// ErrResync tells a reader of a feed to start again from a fresh snapshot.
	ErrResync = errors.New("change feed: fell behind, read a snapshot and watch from its index")
)

// Txn is applied whole or not at all, at one index.
type Txn struct {
	Conditions []Condition
	Writes     []Write
}

// Again returns the transaction to be applied once more, after an error: by then the store
// may have what it was given.
func (t Txn) Again() Txn {
	t.Writes = slices.Clone(t.Writes)
	for i := range t.Writes {
		t.Writes[i].Given = false
	}
	return t
}

// Condition must hold for a transaction to be applied: the object at Key was last
// written at ModifyIndex, or, if that is 0, does not exist.
type Condition struct {
	Key         api.Key
	ModifyIndex uint64
}

// Write puts an object (Put is not nil) or deletes the one at Delete. A key may be
// written once in a transaction. Deleting what does not exist is not an error.
type Write struct {
	Put    api.Object
	Delete api.Key
	// Given lets the store keep Put itself instead of a copy: nobody changes it any more,
	// nor what it refers to, and it is as it would be read from its stored form (nil where
	// there is nothing, not empty). It is for writers of many thousands of fresh objects.
	// Such a transaction is applied once, whatever the error: see Txn.Again.
	Given bool
}

// Result is the outcome of a transaction that was applied. The objects that were
// put are not changed: their new ModifyIndex is Index.
type Result struct {
	Index uint64
}

// ConflictError says which condition did not hold. It is an api.ErrConflict.
type ConflictError struct {
	Key  api.Key
	Want uint64 // the ModifyIndex that the condition named
	Have uint64 // the one that it found; 0 if there is no such object
}

// Change is one object that was written. Old is nil for a new object, New for a
// deleted one. The objects are shared and must not be changed.
type Change struct {
	Index uint64
	Key   api.Key
	Old   api.Object
	New   api.Object
}

// Feed is an ordered stream of changes; it is for one reader.
type Feed interface {
	// Next waits for changes and returns them: all of one or more whole
	// transactions, oldest first. The second value is the index up to which the
	// reader has now seen everything (it may be returned with no changes when others
	// than the watched kinds were written). Errors: ErrResync, ErrClosed, the
	// context's.
	Next(ctx context.Context) ([]Change, uint64, error)
	// Behind returns how much of what the feed can keep the reader has still to read: 0
	// if nothing, and at 1 or more Next may return ErrResync. It may be called while
	// somebody waits in Next.
	Behind() float64
	Close()
}

// Snapshot is a consistent view of all objects at one index. It stays valid and
// unchanged for as long as it is held. Use Get, List and Count below, which know
// the types.
type Snapshot interface {
	Index() uint64
	Get(key api.Key) (api.Object, bool)
	// Scan yields the objects that the query selects, ordered by key (namespace,
	// then ID).
	Scan(q Query) iter.Seq[api.Object]
	// Keys yields the keys of what Scan yields. It reads no object of those kinds that
	// there are millions of.
	Keys(q Query) iter.Seq[api.Key]
	// Count is Scan's length, in constant or logarithmic time.
	Count(q Query) int
}

// Query selects objects of one kind: all, those of a namespace, those whose ID
// starts with a prefix, or those that an index lists under a value.
type Query struct {
	Kind      api.Kind
	Namespace string // all, if empty
	IDPrefix  string
	Index     IndexName // with Value; excludes Namespace
	Value     string
	After     *api.Key // start behind this key, for paging
}

// IndexName names a secondary index. Which kinds have it is said with each.
type IndexName string

// The indexes. The value of ByJob is JobValue(namespace, jobID); of the others the ID.
const (
	ByJob        IndexName = "job"        // Allocation, AllocationStatus, Evaluation, Deployment, JobVersion, ScalingPolicy, HostVolumeClaim
	ByOpenJob    IndexName = "open-job"   // Evaluation, while it is pending or blocked (value JobValue(namespace, jobID))
	ByNode       IndexName = "node"       // Allocation, AllocationStatus
	ByDeployment IndexName = "deployment" // Allocation
	ByEval       IndexName = "eval"       // Allocation
	ByStatus     IndexName = "status"     // Evaluation (by Status), NodeStatus (by Status), JobStatus (by Status), Deployment (by Status)
	ByEnd        IndexName = "end"        // AllocationStatus, of one that ended, and Allocation, that is lost (value Ended)
	ByParent     IndexName = "parent"     // Job (by ParentID, value JobValue(namespace, parentID))
	ByPool       IndexName = "pool"       // Node (by NodePool)
	// ByService lists an AllocationStatus under ServiceValue of each of its services, and
	// under that of any service.
	ByService IndexName = "service"
	// ByVolume lists an Allocation under VolumeValue of each CSI volume that it claims.
	ByVolume IndexName = "volume"
)

// Ended is the value of allocations in ByEnd.
const Ended = "ended"

// JobValue is the value of a job in an index.
func JobValue(namespace, jobID string) string { return namespace + "\x00" + jobID }

// VolumeValue is the value of a CSI volume in an index.
func VolumeValue(namespace, id string) string { return namespace + "\x00" + id }

// ServiceValue is the value of a service in an index. Without a name it is that of
// any service of the namespace.
func ServiceValue(namespace, name string) string { return namespace + "\x00" + name }
