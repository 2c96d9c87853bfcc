package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/logs"
)

// heartbeatInterval is how often a stream without news shows that it lives.
const heartbeatInterval = time.Second

// Allocation is what the handler has to know of an allocation.
type Allocation struct {
	// Dir is the allocation's directory, which holds alloc/logs and one directory for
	// each task.
	Dir string
	// Tasks are the tasks of its group, by name.
	Tasks map[string]Task
}

// Task is what the handler has to know of a task.
type Task struct {
	// Started says that it has run, so that there can be output.
	Started bool
	// Ended is closed when the task has ended and will not be started again.
	Ended <-chan struct{}
}

// Options are what a Handler needs.
type Options struct {
	// Resolve finds an allocation of this node by its full ID. It is called for each
	// request, concurrently.
	Resolve func(allocID string) (Allocation, bool)
	// Heartbeat is the interval of heartbeats; default 1 s. Streams also look for
	// changes that often that nobody told of, as on a network file system.
	Heartbeat time.Duration
	Log       logr.Logger
}

// Handler serves the files of allocations. It must be closed.
type Handler struct {
	resolve   func(string) (Allocation, bool)
	heartbeat time.Duration
	log       logr.Logger
	watcher   *watcher
	mux       *http.ServeMux
}

// New returns a handler. An error means that the kernel can't watch files.
func New(o Options) (*Handler, error) {
	h := &Handler{resolve: o.Resolve, heartbeat: o.Heartbeat, log: o.Log, mux: http.NewServeMux()}
	if h.heartbeat <= 0 {
		h.heartbeat = heartbeatInterval
	}
	var err error
	if h.watcher, err = newWatcher(o.Log); err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	for route, serve := range map[string]func(http.ResponseWriter, request) error{
		"ls": h.list, "stat": h.stat, "cat": h.cat, "readat": h.readAt, "stream": h.stream, "logs": h.logs,
	} {
		h.mux.HandleFunc("GET /v1/client/fs/"+route+"/{alloc}", h.route(serve))
	}
	return h, nil
}

// Close ends the watching of files. Streams that are still under way see changes with
// their heartbeats only.
func (h *Handler) Close() error { return h.watcher.close() }

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// request is a request for files of an allocation.
type request struct {
	query
	ctx   context.Context
	alloc Allocation
	root  *os.Root
}

// file returns the name of the file that is asked for; see resolve.
func (r request) file() (string, error) {
	asked, err := r.required("path")
	if err != nil {
		return "", err
	}
	return resolve(r.root, r.alloc.Dir, asked)
}

// route finds the allocation of a request, and turns an error into an answer.
func (h *Handler) route(serve func(http.ResponseWriter, request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff") // files are the task's, not ours
		err := h.serve(w, r, serve)
		if err == nil || r.Context().Err() != nil {
			return
		}
		code := statusOf(err)
		if code == http.StatusInternalServerError {
			h.log.Error(err, "Serve files", "path", r.URL.Path)
		}
		http.Error(w, err.Error(), code)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter, request) error) error {
	id := r.PathValue("alloc")
	alloc, ok := h.resolve(id)
	if !ok {
		return fmt.Errorf("allocation %q: %w on this node", id, api.ErrNotFound)
	}
	root, err := os.OpenRoot(alloc.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("files of allocation %q: %w: they are not made yet, or are removed", id, api.ErrNotFound)
	}
	if err != nil {
		return err
	}
	defer root.Close()
	return serve(w, request{query: query{r.URL.Query()}, ctx: r.Context(), alloc: alloc, root: root})
}

// statusOf returns the status that says what kind of error it is.
func statusOf(err error) int {
	var invalid *api.InvalidError
	switch {
	case errors.As(err, &invalid), errors.Is(err, errEscape), errors.Is(err, logs.ErrNotRegular), errors.Is(err, errNotDir):
		return http.StatusBadRequest
	case errors.Is(err, api.ErrDenied), errors.Is(err, fs.ErrPermission):
		return http.StatusForbidden
	case errors.Is(err, api.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound
	default:
		return http.StatusInternalServerError
	}
}

func writeJSON(w http.ResponseWriter, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(b)
	return err
}

var errNotDir = errors.New("not a directory")

func (h *Handler) list(w http.ResponseWriter, r request) error {
	name, err := resolve(r.root, r.alloc.Dir, r.text("path"))
	if err != nil {
		return err
	}
	info, err := r.root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: %w", name, errNotDir)
	}
	entries, err := fs.ReadDir(r.root.FS(), name)
	if err != nil {
		return err
	}
	list := make([]*api.AllocFileInfo, 0, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			continue
		}
		if err != nil {
			return err
		}
		list = append(list, fileInfo(e.Name(), info))
	}
	return writeJSON(w, list)
}

func fileInfo(name string, info fs.FileInfo) *api.AllocFileInfo {
	return &api.AllocFileInfo{
		Name: name, IsDir: info.IsDir(), Size: info.Size(), FileMode: info.Mode().String(), ModTime: info.ModTime().UTC(),
	}
}

func (h *Handler) stat(w http.ResponseWriter, r request) error {
	name, err := r.file()
	if err != nil {
		return err
	}
	info, err := r.root.Lstat(name)
	if err != nil {
		return err
	}
	shown := path.Base(path.Clean("/" + r.text("path")))
	if shown == "/" {
		shown = filepath.Base(r.alloc.Dir)
	}
	answer := fileInfo(shown, info)
	if info.Mode().IsRegular() {
		f, _, err := openFile(r.root, name)
		if err != nil {
			return err
		}
		defer f.Close()
		if answer.ContentType, err = contentType(name, f); err != nil {
			return err
		}
	}
	return writeJSON(w, answer)
}

// contentType guesses what is in a file: text by its name, the rest by its beginning.
func contentType(name string, f *os.File) (string, error) {
	var head [512]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	found := http.DetectContentType(head[:n])
	if strings.HasPrefix(found, "text/plain") {
		if byName := mime.TypeByExtension(path.Ext(name)); byName != "" {
			return byName, nil
		}
	}
	return found, nil
}

// openFile opens a regular file and returns its present size.
func openFile(root *os.Root, name string) (*os.File, int64, error) {
	f, err := logs.OpenRegular(root, name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

func (h *Handler) cat(w http.ResponseWriter, r request) error {
	return h.send(w, r, 0, 0)
}

func (h *Handler) readAt(w http.ResponseWriter, r request) error {
	if _, err := r.required("offset"); err != nil {
		return err
	}
	offset, err := r.number("offset")
	if err != nil {
		return err
	}
	limit, err := r.number("limit")
	if err != nil {
		return err
	}
	return h.send(w, r, offset, limit)
}

// send sends a file from an offset on, as it is now: one that grows is not chased.
// Limit 0 means all.
func (h *Handler) send(w http.ResponseWriter, r request, offset, limit int64) error {
	name, err := r.file()
	if err != nil {
		return err
	}
	f, size, err := openFile(r.root, name)
	if err != nil {
		return err
	}
	defer f.Close()
	found, err := contentType(name, f)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(found, "text/") {
		found = "application/octet-stream"
	} else {
		found = "text/plain; charset=utf-8" // never a page that a browser would run
	}
	w.Header().Set("Content-Type", found)
	length := max(0, size-offset)
	if limit > 0 {
		length = min(length, limit)
	}
	if _, err := io.Copy(w, io.NewSectionReader(f, offset, length)); err != nil {
		h.log.V(1).Info("Sending a file was cut short", "file", name, "reason", err.Error())
	}
	return nil
}
