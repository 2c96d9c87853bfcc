package raft

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// walSuffix is what the names of write-ahead logs end with; before it is their number.
const walSuffix = ".log"

// undoInterruptedOpen removes what is left of an opening of the raft log that was cut
// short. Dragonboat's Pebble forgives an unclean end only in its newest write-ahead
// log. When it opens, it makes a new one before it notes that it does not need the
// older any more; a process that is killed in between leaves an unclean log that is
// not the newest, and would be refused from then on as corrupt. In the new one there
// is nothing yet, and by removing it the older is the newest again. The caller holds
// the lock of the state beside the directory.
func undoInterruptedOpen(dir string) error {
	byFolder := make(map[string][]wal)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, isLog := strings.CutSuffix(entry.Name(), walSuffix)
		number, bad := strconv.ParseUint(name, 10, 64)
		if !isLog || bad != nil {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		folder := filepath.Dir(path)
		byFolder[folder] = append(byFolder[folder], wal{path, number, info.Size()})
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a new directory
	}
	if err != nil {
		return fmt.Errorf("look for an interrupted opening: %w", err)
	}
	for _, logs := range byFolder {
		newest := slices.MaxFunc(logs, func(a, b wal) int { return cmp.Compare(a.number, b.number) })
		if len(logs) == 1 || newest.size > 0 {
			continue
		}
		if err := os.Remove(newest.path); err != nil {
			return fmt.Errorf("undo an interrupted opening: %w", err)
		}
	}
	return nil
}

// wal is a file of a write-ahead log.
type wal struct {
	path   string
	number uint64
	size   int64 // bytes
}
