package remote

import (
	"fmt"
	"iter"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/table"
)

// UnfollowedError is what reading a kind panics with that the mirror does not have.
type UnfollowedError struct{ Kind api.Kind }

func (e *UnfollowedError) Error() string {
	return fmt.Sprintf("kind %s is not followed: add it to remote.Options.Kinds", e.Kind)
}

// snapshot is the mirror at one moment, with the Leadership object that the program
// wrote for itself.
type snapshot struct {
	*table.Snapshot
	kinds      []api.Kind
	leadership *api.Leadership
}

func (s *snapshot) must(k api.Kind) {
	if !slices.Contains(s.kinds, k) {
		panic(&UnfollowedError{k})
	}
}

// Get implements store.Snapshot.
func (s *snapshot) Get(key api.Key) (api.Object, bool) {
	if key == api.LeadershipKey {
		return s.leadership, s.leadership != nil
	}
	s.must(key.Kind)
	return s.Snapshot.Get(key)
}

// Scan implements store.Snapshot.
func (s *snapshot) Scan(q store.Query) iter.Seq[api.Object] {
	s.must(q.Kind)
	return s.Snapshot.Scan(q)
}

// Keys implements store.Snapshot.
func (s *snapshot) Keys(q store.Query) iter.Seq[api.Key] {
	s.must(q.Kind)
	return s.Snapshot.Keys(q)
}

// Count implements store.Snapshot.
func (s *snapshot) Count(q store.Query) int {
	s.must(q.Kind)
	return s.Snapshot.Count(q)
}
