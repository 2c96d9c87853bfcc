package api

import "time"

// What GET /v1/operator/controllers answers, never stored.
//
//msgp:ignore ControllerList ControllerReport ControllerInput ControllerOutput ControllerError ControllerKey

// ControllerList is how the controllers of a server do.
type ControllerList struct {
	ServerID    string // of the server that answers
	Leading     bool   // whether it leads: controllers run on the leader only
	Leader      string // the server that leads; empty if there is none
	Controllers []*ControllerReport
}

// ControllerReport is what a controller is, and how it has done since its server was
// started.
type ControllerReport struct {
	Name        string
	For         Kind
	Inputs      []ControllerInput
	Outputs     []ControllerOutput
	Queued      int // keys that wait for a worker
	Working     int // keys that workers have
	Delayed     int // keys that wait to be tried or looked at again
	Passes      uint64
	Retries     uint64 // passes that were made again because one failed or conflicted
	Conflicts   uint64
	Errors      uint64 // without conflicts, with panics
	Panics      uint64
	MeanLatency time.Duration // from ready to taken by a worker
	MeanWork    time.Duration // of a pass
	LastError   *ControllerError
	// Key is what is asked for with ?key=; nil without it, and on a server that does not
	// lead.
	Key *ControllerKey `json:",omitempty"`
}

// ControllerInput is a kind that a controller reads; Relation says why: for, owns,
// watches, lists.
type ControllerInput struct {
	Kind     Kind
	Relation string
}

// ControllerOutput is a kind that a controller writes; Ownership says how: exclusive,
// shared, removes.
type ControllerOutput struct {
	Kind      Kind
	Ownership string
}

// ControllerError is the latest failure of a controller.
type ControllerError struct {
	Key     string
	Time    time.Time
	Message string
}

// ControllerKey says why a controller works on a key, or does not.
type ControllerKey struct {
	Key      string
	State    string    // idle, queued, working, resting, retrying, waiting
	Since    time.Time // queued, working
	Until    time.Time // resting, retrying, waiting
	Again    bool      // it will be looked at again as soon as the pass, or the rest, is over
	Priority int
	Failures int    // in a row
	Error    string // of the last of these
	Exists   bool   // whether there is an object of that key
}
