package logs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/nodeagent/logs"
)

const prefix = "web.stdout"

// writer writes rotated files as the holder of a task does.
type writer struct {
	t              rapid.TB
	dir            string
	oldest, newest int64
	sizes          map[int64]int
	all            []byte
}

func newWriter(t rapid.TB, dir string) *writer {
	w := &writer{t: t, dir: dir, sizes: map[int64]int{}}
	w.append(nil)
	return w
}

func (w *writer) path(index int64) string { return filepath.Join(w.dir, logs.Name(prefix, index)) }

func (w *writer) append(p []byte) {
	w.t.Helper()
	f, err := os.OpenFile(w.path(w.newest), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.Write(p)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		w.t.Fatal(err)
	}
	w.sizes[w.newest] += len(p)
	w.all = append(w.all, p...)
}

func (w *writer) rotate() {
	w.newest++
	w.append(nil)
}

func (w *writer) removeOldest() {
	w.t.Helper()
	if err := os.Remove(w.path(w.oldest)); err != nil {
		w.t.Fatal(err)
	}
	w.oldest++
}

// kept returns what is in the files that are there.
func (w *writer) kept() []byte {
	n := 0
	for i := w.oldest; i <= w.newest; i++ {
		n += w.sizes[i]
	}
	return w.all[len(w.all)-n:]
}

func openRoot(t rapid.TB, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// tempDir is t.TempDir for each try of a property.
func tempDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "logs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func closeAll(t rapid.TB, closers ...io.Closer) {
	t.Helper()
	for _, c := range closers {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// readAll reads all that there is, with a buffer of a new size each time.
func readAll(t rapid.TB, r *logs.Reader, size func() int) []byte {
	t.Helper()
	var all []byte
	for {
		piece, err := r.Next(make([]byte, size()))
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, piece.Data...)
	}
}

// start draws where to read from, and returns what is to be read from there.
func start(t *rapid.T, kept []byte) (logs.Options, []byte) {
	o := logs.Options{
		Offset:  rapid.Int64Range(0, int64(len(kept)+3)).Draw(t, "offset"),
		FromEnd: rapid.Bool().Draw(t, "from the end"),
	}
	skip := min(int(o.Offset), len(kept))
	if o.FromEnd {
		skip = len(kept) - skip
	}
	return o, kept[skip:]
}

// grow does something to the files, but removes none that the reader still needs.
func (w *writer) grow(t *rapid.T, reading int64) {
	switch rapid.IntRange(0, 4).Draw(t, "what") {
	case 0:
		w.rotate()
	case 1:
		if w.oldest <= reading && w.oldest < w.newest {
			w.removeOldest()
		}
	default:
		w.append(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "written"))
	}
}

func TestAFollowerReadsWhatWasWrittenWithoutLossOrRepeat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := tempDir(t)
		w := newWriter(t, dir)
		for range rapid.IntRange(0, 10).Draw(t, "steps before") {
			w.grow(t, w.newest)
		}
		o, want := start(t, w.kept())
		o.Follow = true
		before := len(w.all) - len(want)
		root := openRoot(t, dir)
		r, err := logs.Open(root, prefix, o)
		if err != nil {
			t.Fatal(err)
		}
		defer closeAll(t, r, root)
		var got []byte
		reading := w.oldest
		next := func() error {
			piece, err := r.Next(make([]byte, rapid.IntRange(1, 12).Draw(t, "buffer")))
			got = append(got, piece.Data...)
			if err == nil {
				index, ok := logs.Index(piece.File, prefix)
				if !ok || index < reading || piece.Event != "" {
					t.Fatalf("piece %+v after file %d", piece, reading)
				}
				reading = index
			}
			return err
		}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "read") {
				if err := next(); err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				continue
			}
			w.grow(t, reading)
		}
		for err == nil {
			err = next()
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if !bytes.Equal(got, w.all[before:]) {
			t.Fatalf("read %q, written was %q", got, w.all[before:])
		}
	})
}

func TestAReaderThatDoesNotFollowEndsWhereTheOutputEndedWhenItBegan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := tempDir(t)
		w := newWriter(t, dir)
		for range rapid.IntRange(0, 10).Draw(t, "steps before") {
			w.grow(t, w.newest)
		}
		o, want := start(t, w.kept())
		want = bytes.Clone(want)
		root := openRoot(t, dir)
		r, err := logs.Open(root, prefix, o)
		if err != nil {
			t.Fatal(err)
		}
		defer closeAll(t, r, root)
		got := readAll(t, r, func() int {
			if rapid.Bool().Draw(t, "grow") {
				w.grow(t, -1)
			}
			return rapid.IntRange(1, 12).Draw(t, "buffer")
		})
		if !bytes.Equal(got, want) {
			t.Fatalf("read %q, there was %q", got, want)
		}
	})
}

func TestAFollowerThatIsOutrunGoesOnWithWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir)
	w.append([]byte("zero"))
	root := openRoot(t, dir)
	r, err := logs.Open(root, prefix, logs.Options{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, r, root)
	for _, s := range []string{"one", "two", "three"} {
		w.rotate()
		w.append([]byte(s))
	}
	w.removeOldest() // zero is open already
	w.removeOldest()
	w.removeOldest()
	got := readAll(t, r, func() int { return 10 })
	if string(got) != "zerothree" {
		t.Errorf("read %q", got)
	}
}

func TestAReaderTellsOfATruncatedFile(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir)
	w.append([]byte("long"))
	root := openRoot(t, dir)
	r, err := logs.Open(root, prefix, logs.Options{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, r, root)
	buf := make([]byte, 10)
	if piece, err := r.Next(buf); err != nil || string(piece.Data) != "long" {
		t.Fatalf("%+v, %v", piece, err)
	}
	if err := os.Truncate(w.path(0), 0); err != nil {
		t.Fatal(err)
	}
	if piece, err := r.Next(buf); err != nil || piece.Event != logs.Truncated {
		t.Errorf("%+v, %v", piece, err)
	}
	w.append([]byte("new"))
	if piece, err := r.Next(buf); err != nil || string(piece.Data) != "new" || piece.Offset != 3 {
		t.Errorf("%+v, %v", piece, err)
	}
}

func TestAnOutputWithoutFilesDoesNotExist(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"web.stdout", "web.stdout.", "web.stdout.01", "web.stdout.x", "web.stderr.0", "webb.stdout.0"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "web.stdout.7"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := openRoot(t, dir)
	defer closeAll(t, root)
	if _, err := logs.Open(root, prefix, logs.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestATailTellsWhatHappensToItsFile(t *testing.T) {
	for name, c := range map[string]struct {
		happen func(path string) error
		want   []logs.Piece
	}{
		"it grows":   {func(path string) error { return appendTo(path, "more") }, []logs.Piece{{File: "f", Offset: 8, Data: []byte("more")}}},
		"nothing":    {func(string) error { return nil }, nil},
		"it shrinks": {func(path string) error { return os.Truncate(path, 2) }, []logs.Piece{{File: "f", Event: logs.Truncated}, {File: "f", Offset: 2, Data: []byte("te")}}},
		"it grows and is deleted": {
			func(path string) error { return errors.Join(appendTo(path, "more"), os.Remove(path)) },
			[]logs.Piece{{File: "f", Offset: 8, Data: []byte("more")}, {File: "f", Offset: 8, Event: logs.Deleted}},
		},
		"it is replaced": {func(path string) error {
			return errors.Join(os.WriteFile(path+".new", []byte("other"), 0o600), os.Rename(path+".new", path))
		}, []logs.Piece{{File: "f", Offset: 4, Event: logs.Deleted}}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
				t.Fatal(err)
			}
			root := openRoot(t, dir)
			tail, err := logs.OpenTail(root, "f", 0, true)
			if err != nil {
				t.Fatal(err)
			}
			defer closeAll(t, tail, root)
			if err := c.happen(path); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				got, err := tail.Next(make([]byte, 10))
				if err != nil || got.File != want.File || got.Offset != want.Offset || got.Event != want.Event || !bytes.Equal(got.Data, want.Data) {
					t.Errorf("got %+v, %v; want %+v", got, err, want)
				}
			}
			if got, err := tail.Next(make([]byte, 10)); !errors.Is(err, io.EOF) {
				t.Errorf("in the end %+v, %v", got, err)
			}
		})
	}
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func TestOnlyFilesAreTailed(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "dir"), 0o700), syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	root := openRoot(t, dir)
	defer closeAll(t, root)
	for name, want := range map[string]error{"dir": logs.ErrNotRegular, "pipe": logs.ErrNotRegular, "none": fs.ErrNotExist} {
		if _, err := logs.OpenTail(root, name, 0, false); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
