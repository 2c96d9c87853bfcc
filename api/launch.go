package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// PeriodicLaunch is the latest launch of a periodic job. It is written together with
// the child that it tells of, so that a launch is made once, whoever leads.
type PeriodicLaunch struct {
	ObjectMeta `msg:"-"`
	Namespace  string
	JobID      string
	// Schedule is the crons and the zone that Due counts for, as PeriodicConfig.Schedule
	// writes them; empty while nothing is launched, because the job is stopped or its
	// launches are disabled. Another schedule starts when the job was submitted.
	Schedule string
	// Due is the moment for which the latest child was launched, or which was passed
	// over because of prohibit_overlap, or at which the schedule started; nothing due
	// before it is launched any more. Unix nanoseconds.
	Due int64
	// Launched is when the latest child was really launched; 0: none was. Unix
	// nanoseconds.
	Launched int64
	// PassedOver is the child that still ran when the latest launch was due, which was
	// therefore passed over; empty if it was made.
	PassedOver string
}

// Key implements Object.
func (l *PeriodicLaunch) Key() Key {
	if l == nil {
		return Key{Kind: KindPeriodicLaunch}
	}
	return PeriodicLaunchKey(l.Namespace, l.JobID)
}

// PeriodicLaunchKey returns the key of the latest launch of a job.
func PeriodicLaunchKey(namespace, jobID string) Key {
	return Key{Kind: KindPeriodicLaunch, Namespace: namespace, ID: jobID}
}

// PeriodicChildID returns the ID of the child that a launch of a periodic job makes.
func PeriodicChildID(jobID string, due time.Time) string {
	return fmt.Sprintf("%s/periodic-%d", jobID, due.Unix())
}

// DispatchToken remembers which child a dispatch with an idempotency token made. It is
// written together with the child, so that of two dispatches with one token at the same
// moment one makes it and the other finds it.
type DispatchToken struct {
	ObjectMeta `msg:"-"`
	Namespace  string
	ID         string // DispatchTokenID
	ChildID    string
}

// Key implements Object.
func (t *DispatchToken) Key() Key {
	if t == nil {
		return Key{Kind: KindDispatchToken}
	}
	return Key{Kind: KindDispatchToken, Namespace: t.Namespace, ID: t.ID}
}

// DispatchTokenID returns the ID under which a token of a parameterized job is
// remembered. Tokens may be anything, so it has a digest of them.
func DispatchTokenID(jobID, token string) string {
	digest := sha256.Sum256([]byte(token))
	return jobID + "/" + hex.EncodeToString(digest[:])
}
