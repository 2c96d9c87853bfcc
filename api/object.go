package api

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// The store keeps keys and indexes beside the bytes of an object.
//
//msgp:ignore Key ObjectMeta

// Kind names a type of object. It is the first part of an object's Key.
type Kind string

// The built-in kinds. The comment says who writes objects of the kind.
const (
	KindJob              Kind = "Job"              // the HTTP API
	KindJobVersion       Kind = "JobVersion"       // the HTTP API; the deployment controller marks it stable
	KindJobSubmission    Kind = "JobSubmission"    // the HTTP API
	KindJobStatus        Kind = "JobStatus"        // the job controller
	KindAllocation       Kind = "Allocation"       // the job, allocation and deployment controllers
	KindAllocationStatus Kind = "AllocationStatus" // the node agent, through its session
	KindEvaluation       Kind = "Evaluation"       // the HTTP API asks, the job controller answers
	KindDeployment       Kind = "Deployment"       // the job controller creates, the deployment controller moves
	KindNode             Kind = "Node"             // the node agent, through its session: facts
	KindNodeIntent       Kind = "NodeIntent"       // operators, through the HTTP API
	KindNodeSession      Kind = "NodeSession"      // the server that holds the session
	KindNodeStatus       Kind = "NodeStatus"       // the node-health controller
	KindNodePool         Kind = "NodePool"         // operators; built-in ones by the server
	KindNamespace        Kind = "Namespace"        // operators; built-in ones by the server
	KindLeadership       Kind = "Leadership"       // the server that gained leadership
	KindPeriodicLaunch   Kind = "PeriodicLaunch"   // the periodic controller
	KindDispatchToken    Kind = "DispatchToken"    // the HTTP API
	KindJobAdmission     Kind = "JobAdmission"     // the admission controller
	KindScalingPolicy    Kind = "ScalingPolicy"    // the scaling controller
	KindScalingEvents    Kind = "ScalingEvents"    // the HTTP API
	KindKindDefinition   Kind = "KindDefinition"   // users, through the HTTP API
	KindCSIVolume        Kind = "CSIVolume"        // operators, through the HTTP API
	KindHostVolumeClaim  Kind = "HostVolumeClaim"  // the job controller
	KindVariable         Kind = "Variable"         // users, through the HTTP API; sealed anew by the leader
	KindRootKey          Kind = "RootKey"          // operators; the first by the server
	// operators; the first by the server
	KindSchedulerConfiguration Kind = "SchedulerConfiguration"
)

// Key identifies an object. Namespace is empty for kinds that have none, and for
// kinds whose ID is unique in the whole cluster (allocations, evaluations,
// deployments, nodes).
type Key struct {
	Kind      Kind
	Namespace string
	ID        string
}

// String returns Kind/Namespace/ID, for messages; it is not meant to be parsed.
func (k Key) String() string {
	if k.Namespace == "" {
		return string(k.Kind) + "/" + k.ID
	}
	return string(k.Kind) + "/" + k.Namespace + "/" + k.ID
}

// Object is anything that the store keeps. Objects read from the store are shared
// and must not be changed: copy first (Clone).
type Object interface {
	// Key returns where the object is stored. Its Kind is right even for a nil or
	// zero object, but for those of author-defined kinds.
	Key() Key
	// Indexes returns the store index at which the object was created and the one
	// at which it was last written; both are 0 for an object never stored.
	Indexes() (create, modify uint64)
	// SetIndexes is for the store only.
	SetIndexes(create, modify uint64)

	MarshalMsg([]byte) ([]byte, error)
	UnmarshalMsg([]byte) ([]byte, error)
	Msgsize() int
}

// kinds makes an empty object of every built-in kind.
var kinds = map[Kind]func() Object{
	KindJob:              func() Object { return new(Job) },
	KindJobVersion:       func() Object { return new(JobVersion) },
	KindJobSubmission:    func() Object { return new(JobSubmission) },
	KindJobStatus:        func() Object { return new(JobStatus) },
	KindAllocation:       func() Object { return new(Allocation) },
	KindAllocationStatus: func() Object { return new(AllocationStatus) },
	KindEvaluation:       func() Object { return new(Evaluation) },
	KindDeployment:       func() Object { return new(Deployment) },
	KindNode:             func() Object { return new(Node) },
	KindNodeIntent:       func() Object { return new(NodeIntent) },
	KindNodeSession:      func() Object { return new(NodeSession) },
	KindNodeStatus:       func() Object { return new(NodeStatus) },
	KindNodePool:         func() Object { return new(NodePool) },
	KindNamespace:        func() Object { return new(Namespace) },
	KindLeadership:       func() Object { return new(Leadership) },
	KindPeriodicLaunch:   func() Object { return new(PeriodicLaunch) },
	KindDispatchToken:    func() Object { return new(DispatchToken) },
	KindJobAdmission:     func() Object { return new(JobAdmission) },
	KindScalingPolicy:    func() Object { return new(ScalingPolicy) },
	KindScalingEvents:    func() Object { return new(ScalingEvents) },
	KindKindDefinition:   func() Object { return new(KindDefinition) },
	KindCSIVolume:        func() Object { return new(CSIVolume) },
	KindHostVolumeClaim:  func() Object { return new(HostVolumeClaim) },
	KindVariable:         func() Object { return new(SealedVariable) },
	KindRootKey:          func() Object { return new(RootKey) },

	KindSchedulerConfiguration: func() Object { return new(SchedulerConfiguration) },
}

// NewObject returns an empty object of the kind, or false for an unknown kind. Any
// kind that authors could define is known (AuthorKind): whether one did is not.
func NewObject(k Kind) (Object, bool) {
	if f, ok := kinds[k]; ok {
		return f(), true
	}
	if AuthorKind(k) {
		return newAuthored(k), true
	}
	return nil, false
}

// KnownKind reports whether NewObject makes objects of the kind.
func KnownKind(k Kind) bool {
	_, builtIn := kinds[k]
	return builtIn || AuthorKind(k)
}

// Kinds lists the built-in kinds by name.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kinds)) }

// KindOf returns the kind of the object type T, without an object at hand; of a
// Resource or ResourceStatus, which may be of many kinds, it is empty.
func KindOf[T Object]() Kind {
	var zero T
	return zero.Key().Kind
}

// Decode reads the stored form of an object. The bytes may come from anywhere: an
// object takes no more memory than they could describe.
func Decode(kind Kind, b []byte) (Object, error) {
	object, ok := NewObject(kind)
	if !ok {
		return nil, fmt.Errorf("decode %s: unknown kind", kind)
	}
	// A header may claim any length; only what is really there is allocated for.
	rest, err := msgp.Skip(b)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind, err)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("decode %s: %d bytes too many", kind, len(rest))
	}
	if _, err := object.UnmarshalMsg(b); err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind, err)
	}
	return object, nil
}

// Clone returns a deep copy of an object, by way of its stored form, with its
// indexes. Fields that are not stored are not copied.
func Clone[T Object](in T) (T, error) {
	var zero T
	b, err := in.MarshalMsg(make([]byte, 0, in.Msgsize()))
	if err != nil {
		return zero, fmt.Errorf("clone %s: %w", in.Key(), err)
	}
	out, ok := NewObject(in.Key().Kind)
	if !ok {
		return zero, fmt.Errorf("clone %s: unknown kind", in.Key())
	}
	if _, err := out.UnmarshalMsg(b); err != nil {
		return zero, fmt.Errorf("clone %s: %w", in.Key(), err)
	}
	out.SetIndexes(in.Indexes())
	return out.(T), nil
}

// ObjectMeta holds the two indexes that the store keeps for every object. They are part
// of the JSON form only: the store holds them beside an object's bytes.
type ObjectMeta struct {
	CreateIndex uint64 `json:",omitempty" msg:"-"`
	ModifyIndex uint64 `json:",omitempty" msg:"-"`
}

// Indexes implements Object.
func (m *ObjectMeta) Indexes() (create, modify uint64) { return m.CreateIndex, m.ModifyIndex }

// SetIndexes implements Object.
func (m *ObjectMeta) SetIndexes(create, modify uint64) { m.CreateIndex, m.ModifyIndex = create, modify }

// Leadership is held by the server that runs the controllers. Its ModifyIndex is
// the leadership term: a controller's Txn carries the condition that this object
// has not been written since, so that a deposed leader cannot write.
type Leadership struct {
	ObjectMeta `msg:"-"`
	ServerID   string
	Since      int64 // Unix nanoseconds, by the clock of the server
}

// LeadershipKey is the key of the only Leadership object.
var LeadershipKey = Key{Kind: KindLeadership, ID: "leader"}

// Key implements Object.
func (l *Leadership) Key() Key { return LeadershipKey }

// VersionID returns the ID under which a version of a job, or what was submitted
// for it, is stored: "shop@3".
func VersionID(jobID string, version uint64) string {
	return jobID + "@" + strconv.FormatUint(version, 10)
}

// SplitVersionID is the inverse of VersionID.
func SplitVersionID(id string) (jobID string, version uint64, err error) {
	i := strings.LastIndexByte(id, '@')
	if i < 0 {
		return "", 0, fmt.Errorf("job version ID %q has no @", id)
	}
	version, err = strconv.ParseUint(id[i+1:], 10, 64)
	if err != nil {
		return "", 0, fmt.Errorf("job version ID %q: %w", id, err)
	}
	return id[:i], version, nil
}
