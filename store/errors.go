package store

import (
	"fmt"

	"github.com/droverhq/drover/api"
)

// Error implements error.
func (e *ConflictError) Error() string {
	switch {
	case e.Want == 0:
		return fmt.Sprintf("%s exists already (written at index %d)", e.Key, e.Have)
	case e.Have == 0:
		return fmt.Sprintf("%s does not exist (was expected as written at index %d)", e.Key, e.Want)
	}
	return fmt.Sprintf("%s was written at index %d, not %d", e.Key, e.Have, e.Want)
}

// Is makes the error an api.ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == api.ErrConflict }
