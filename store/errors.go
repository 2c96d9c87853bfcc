package store

import (
	"fmt"

	"github.com/droverhq/drover/api"
)

// Error names the object and says what was found in its place.
func (e *ConflictError) Error() string {
	switch {
	case e.Have == 0:
		return fmt.Sprintf("conflict: %s does not exist, expected it as written at index %d", e.Key, e.Want)
	case e.Want == 0:
		return fmt.Sprintf("conflict: %s already exists, written at index %d", e.Key, e.Have)
	}
	return fmt.Sprintf("conflict: %s was written at index %d, expected it as written at index %d", e.Key, e.Have, e.Want)
}

// Is makes every ConflictError an api.ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == api.ErrConflict }
