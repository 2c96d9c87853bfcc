package shim

import (
	"golang.org/x/sys/unix"
)

// Files are the log files of an Output, for those who have the output of a task from
// elsewhere than from its pipes. They are for one goroutine.
type Files struct{ w *output }

// OpenFiles opens the newest file, or makes the first one.
func OpenFiles(o Output) (*Files, error) {
	w, err := openOutput(o)
	if err != nil {
		return nil, err
	}
	return &Files{w}, nil
}

// Write writes p. What can't be written is lost, and a line in the log says so when it
// can be written again. It reports whether all was written.
func (f *Files) Write(p []byte) bool {
	f.w.write(p)
	return f.w.lost == 0
}

// At is where the next byte goes: to which file, and how much there is in it.
func (f *Files) At() (index, size int64) { return f.w.index, f.w.size }

// Since returns how many bytes have been written since At was so. Files that are gone
// count for nothing.
func (f *Files) Since(index, size int64) int64 {
	written := -size
	for i := max(index, f.w.oldest); i < f.w.index; i++ {
		var st unix.Stat_t
		if err := unix.Fstatat(int(f.w.dir.Fd()), f.w.name(i), &st, unix.AT_SYMLINK_NOFOLLOW); err == nil {
			written += st.Size
		}
	}
	return max(0, written+f.w.size)
}

// Close closes the files.
func (f *Files) Close() error { return f.w.close() }
