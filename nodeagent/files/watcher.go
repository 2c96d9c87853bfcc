package files

import (
	"errors"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
	"github.com/go-logr/logr"
)

// watcher tells streams that something has changed in a directory. One serves all: the
// kernel gives few to a user, but of watched directories many.
type watcher struct {
	log  logr.Logger
	fs   *fsnotify.Watcher
	loop sync.WaitGroup

	mu   sync.Mutex // guards dirs, and keeps it the same as what fs watches
	dirs map[string]map[*subscription]struct{}
}

// subscription is one stream's interest in a directory.
type subscription struct {
	watcher *watcher
	dir     string
	// changed holds a token when something has changed since the last was taken.
	changed chan struct{}
}

func newWatcher(log logr.Logger) (*watcher, error) {
	kernel, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{log: log, fs: kernel, dirs: map[string]map[*subscription]struct{}{}}
	w.loop.Go(w.run)
	return w, nil
}

func (w *watcher) close() error {
	err := w.fs.Close()
	w.loop.Wait()
	return err
}

func (w *watcher) run() {
	for {
		select {
		case e, ok := <-w.fs.Events:
			if !ok {
				return
			}
			w.tell(filepath.Dir(e.Name))
			w.tell(e.Name) // the directory itself was removed
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				w.log.Error(err, "Watch files")
			}
			w.tellAll()
		}
	}
}

func (w *watcher) tell(dir string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.dirs[dir] {
		s.tell()
	}
}

func (w *watcher) tellAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, subscriptions := range w.dirs {
		for s := range subscriptions {
			s.tell()
		}
	}
}

func (s *subscription) tell() {
	select {
	case s.changed <- struct{}{}:
	default: // there is a token
	}
}

// subscribe watches a directory. The subscription must be closed.
func (w *watcher) subscribe(dir string) (*subscription, error) {
	dir = filepath.Clean(dir)
	s := &subscription{watcher: w, dir: dir, changed: make(chan struct{}, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dirs[dir] == nil {
		if err := w.fs.Add(dir); err != nil {
			return nil, err
		}
		w.dirs[dir] = map[*subscription]struct{}{}
	}
	w.dirs[dir][s] = struct{}{}
	return s, nil
}

func (s *subscription) close() {
	w := s.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.dirs[s.dir], s)
	if len(w.dirs[s.dir]) > 0 {
		return
	}
	delete(w.dirs, s.dir)
	err := w.fs.Remove(s.dir)
	if err != nil && !errors.Is(err, fsnotify.ErrNonExistentWatch) && !errors.Is(err, fsnotify.ErrClosed) {
		w.log.Error(err, "Stop watching a directory", "directory", s.dir)
	}
}
