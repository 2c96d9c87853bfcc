package shim

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	defaultMaxFiles = 10
	defaultMaxBytes = 10 << 20
	// maxIndex is beyond what any task reaches, and lets an index be counted up.
	maxIndex = 1 << 60
)

var errNotLogFile = errors.New("is not a log file")

// output writes what a task says to the files of an Output. It goes on with the
// newest file that is there. What can't be written is lost and counted: a full disk
// must not stop the task. A log directory belongs to the task, which may put anything
// there, so nothing but a plain file is ever opened.
type output struct {
	dir       *os.File
	prefix    string
	keep      int64
	max       int64
	oldest    int64
	index     int64
	file      int // descriptor; -1: the next file is still to be made
	size      int64
	lineStart bool // whether a line ended with the last byte
	lost      int64
	lostWhy   error
}

func openOutput(o Output) (*output, error) {
	dir, err := os.OpenFile(o.Dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	w := &output{dir: dir, prefix: o.Prefix + ".", keep: int64(o.MaxFiles), max: o.MaxBytes, file: -1, lineStart: true}
	if w.keep <= 0 {
		w.keep = defaultMaxFiles
	}
	if w.max <= 0 {
		w.max = defaultMaxBytes
	}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	if err := w.resume(names); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return w, nil
}

// resume opens the newest file, or makes the first one, and removes what is too old.
func (w *output) resume(names []string) error {
	newest := int64(-1)
	for _, name := range names {
		newest = max(newest, w.indexOf(name))
	}
	w.index = max(newest, 0)
	w.oldest = w.index - w.keep + 1
	for _, name := range names {
		if i := w.indexOf(name); i >= 0 && i < w.oldest {
			if err := w.remove(i); err != nil {
				return err
			}
		}
	}
	if newest >= 0 && w.open(0) == nil {
		return nil
	}
	return w.next() // there is none, or it is not one that may be written to
}

// indexOf returns N of a file named Prefix.N, or -1.
func (w *output) indexOf(name string) int64 {
	digits, ok := strings.CutPrefix(name, w.prefix)
	if !ok {
		return -1
	}
	i, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || i < 0 || i >= maxIndex || strconv.FormatInt(i, 10) != digits {
		return -1
	}
	return i
}

func (w *output) name(index int64) string { return w.prefix + strconv.FormatInt(index, 10) }

// open opens the file of the present index.
func (w *output) open(flags int) error {
	const always = unix.O_WRONLY | unix.O_APPEND | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK
	fd, err := unix.Openat(int(w.dir.Fd()), w.name(w.index), always|flags, 0o644)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 1 {
		return errors.Join(errNotLogFile, unix.Close(fd))
	}
	w.file, w.size, w.lineStart = fd, st.Size, true
	return nil
}

// next starts a file: the present index when no file is open, else the one after, or
// the first that is free.
func (w *output) next() error {
	if w.file >= 0 {
		err := unix.Close(w.file)
		w.file = -1
		w.index++
		if err != nil { // some file systems say only now what they could not keep
			return err
		}
	}
	for ; w.oldest <= w.index-w.keep; w.oldest++ {
		if err := w.remove(w.oldest); err != nil {
			return err
		}
	}
	for {
		err := w.open(unix.O_CREAT | unix.O_EXCL)
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		w.index++
	}
}

func (w *output) remove(index int64) error {
	if index < 0 {
		return nil
	}
	err := unix.Unlinkat(int(w.dir.Fd()), w.name(index), 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EISDIR) { // a directory is not ours
		return nil
	}
	return err
}

// write writes p, or loses it.
func (w *output) write(p []byte) {
	if lost := w.lost; lost > 0 {
		if !w.put(w.lossNote()) {
			w.lost = lost + int64(len(p))
			return
		}
		w.lost = 0
	}
	w.put(p)
}

// put writes p and reports whether it did; if not, what was not written is counted.
func (w *output) put(p []byte) bool {
	for len(p) > 0 {
		n := cut(p, w.max-w.size, w.lineStart && w.size > 0)
		if n == 0 || w.file < 0 {
			if err := w.next(); err != nil {
				return w.lose(p, err)
			}
			continue
		}
		n, err := unix.Write(w.file, p[:n])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return w.lose(p, err)
		}
		w.size += int64(n)
		w.lineStart = p[n-1] == '\n'
		p = p[n:]
	}
	return true
}

func (w *output) lose(p []byte, why error) bool {
	w.lost += int64(len(p))
	w.lostWhy = why
	return false
}

// lossNote is the line that stands in the log for what was lost.
func (w *output) lossNote() []byte {
	var note []byte
	if !w.lineStart {
		note = append(note, '\n')
	}
	note = append(note, "[drover: "...)
	note = strconv.AppendInt(note, w.lost, 10)
	note = append(note, " bytes of output are lost: "...)
	note = append(note, w.lostWhy.Error()...)
	return append(note, "]\n"...)
}

func (w *output) close() error {
	err := w.dir.Close()
	if w.file >= 0 {
		err = errors.Join(err, unix.Close(w.file))
	}
	return err
}

// cut says how much of p goes into a file with the given room; 0 means that the next
// file is due. A file ends with a line where it can: p is cut behind the last line
// that fits, and a line of which nothing is written yet (mayMove) goes to the next file.
func cut(p []byte, room int64, mayMove bool) int {
	if room <= 0 {
		return 0
	}
	if int64(len(p)) <= room {
		return len(p)
	}
	if i := bytes.LastIndexByte(p[:room], '\n'); i >= 0 {
		return i + 1
	}
	if mayMove {
		return 0
	}
	return int(room)
}
