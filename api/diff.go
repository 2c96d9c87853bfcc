package api

// Answers, never stored.
//
//msgp:ignore JobDiff TaskGroupDiff TaskDiff ObjectDiff FieldDiff

// Types of a difference.
const (
	DiffNone    = "None"
	DiffAdded   = "Added"
	DiffDeleted = "Deleted"
	DiffEdited  = "Edited"
)

// JobDiff is the difference between two versions of a job.
type JobDiff struct {
	Type       string
	ID         string
	Fields     []*FieldDiff
	Objects    []*ObjectDiff
	TaskGroups []*TaskGroupDiff
}

// TaskGroupDiff is the difference between two versions of a task group. Updates
// counts, by kind of change ("create", "in-place update", …), the instances that
// the change concerns.
type TaskGroupDiff struct {
	Type    string
	Name    string
	Fields  []*FieldDiff
	Objects []*ObjectDiff
	Tasks   []*TaskDiff
	Updates map[string]uint64
}

// TaskDiff is the difference between two versions of a task. Annotations say what
// the change means: "forces create", "forces in-place update", ….
type TaskDiff struct {
	Type        string
	Name        string
	Fields      []*FieldDiff
	Objects     []*ObjectDiff
	Annotations []string
}

// ObjectDiff is the difference between two blocks.
type ObjectDiff struct {
	Type    string
	Name    string
	Fields  []*FieldDiff
	Objects []*ObjectDiff
}

// FieldDiff is the difference between two values, as text.
type FieldDiff struct {
	Type        string
	Name        string
	Old, New    string
	Annotations []string
}
