package allocdir

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Place returns where a path that a job names for a task is, relative to Root. The
// path is relative to the task's directory; one that begins with that of the allocation
// on this node stays where it is, and, if the task is rooted, one in what the tasks share
// as such a task sees it. What is neither the task's nor shared is refused.
//
// It decides by names alone: links are for whoever opens it, with os.Root.
func (d Dir) Place(task, path string, rooted bool) (string, error) {
	if strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%q can't be a path", path)
	}
	clean := filepath.Clean(path)
	inside := filepath.Join(task, clean)
	if rel, err := filepath.Rel(d.Root, clean); filepath.IsAbs(clean) && err == nil && filepath.IsLocal(rel) {
		inside = rel
	} else if rooted && (clean == "/"+SharedDir || strings.HasPrefix(clean, "/"+SharedDir+"/")) {
		inside = clean[1:]
	}
	first, _, _ := strings.Cut(inside, "/")
	if !filepath.IsLocal(inside) || first != task && first != SharedDir {
		return "", fmt.Errorf("%q leads out of the directories of the task", path)
	}
	return inside, nil
}
