package hook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/hook"
)

// heir is a node on which an allocation follows another one.
type heir struct {
	t     *testing.T
	disks hook.Alloc
	start *hook.AllocStart
	own   allocdir.Dir
	said  []string
}

// newHeir returns one that asks server for files; nil: it has none.
func newHeir(t *testing.T, disk *api.EphemeralDisk, server http.Handler) *heir {
	t.Helper()
	root, keep := t.TempDir(), t.TempDir()
	h := &heir{t: t, own: allocdir.New(root, "after")}
	o := hook.DiskOptions{Root: root, Keep: func(id string) string { return filepath.Join(keep, id) }, Pause: time.Millisecond}
	if server != nil {
		s := httptest.NewServer(server)
		t.Cleanup(s.Close)
		o.Dial = func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
		}
	}
	h.disks = hook.Disks(o)
	h.start = &hook.AllocStart{
		Alloc: &api.Allocation{ID: "after", PreviousAllocation: "before-1"},
		Group: &api.TaskGroup{EphemeralDisk: disk, Tasks: []*api.Task{{Name: "web"}}},
		Note:  func(e *api.TaskEvent) { h.said = append(h.said, e.DisplayMessage) },
	}
	return h
}

func (h *heir) begin() {
	h.t.Helper()
	if err := h.disks.Prerun(h.t.Context(), h.start); err != nil {
		h.t.Fatal(err)
	}
}

func (h *heir) has(want bool) {
	h.t.Helper()
	_, err := os.Stat(filepath.Join(h.own.Shared(), "data/f"))
	if (err == nil) != want || err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Errorf("has the file: %v; said %q", err, h.said)
	}
}

func leave(t *testing.T, d allocdir.Dir) {
	t.Helper()
	if err := errors.Join(d.Build(), os.WriteFile(filepath.Join(d.Shared(), "data/f"), []byte("f"), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// sticky and moving are disks of 10 MiB.
func sticky() *api.EphemeralDisk { return &api.EphemeralDisk{Sticky: new(true), SizeMB: new(10)} }
func moving() *api.EphemeralDisk { return &api.EphemeralDisk{Migrate: new(true), SizeMB: new(10)} }

func TestFilesAreTakenOverOnTheSameNodeOnce(t *testing.T) {
	for name, disk := range map[string]*api.EphemeralDisk{"sticky": sticky(), "migrate": moving()} {
		h := newHeir(t, disk, nil)
		if !hook.ConcernsAny([]hook.Alloc{h.disks}, h.start.Group) {
			t.Errorf("%s: it is not concerned", name)
		}
		leave(t, allocdir.New(filepath.Dir(h.own.Root), "before-1"))
		h.begin()
		h.has(true)
		if err := os.Remove(filepath.Join(h.own.Shared(), "data/f")); err != nil {
			t.Fatal(err)
		}
		leave(t, allocdir.New(filepath.Dir(h.own.Root), "before-1"))
		h.begin() // after a restart of the agent: the task has removed it, and it stays away
		h.has(false)
	}
}

func TestStickyFilesDoNotMove(t *testing.T) {
	h := newHeir(t, sticky(), nil)
	h.begin()
	if len(h.said) != 1 || !strings.Contains(h.said[0], "migrate is not set") {
		t.Errorf("said %q", h.said)
	}
	first := newHeir(t, sticky(), nil)
	first.start.Alloc.PreviousAllocation = ""
	if first.begin(); len(first.said) != 0 {
		t.Errorf("said %q", first.said)
	}
}

func TestFilesAreFetchedOnceTheirOwnerHasEnded(t *testing.T) {
	before := allocdir.New(t.TempDir(), "before-1")
	leave(t, before)
	var parcel bytes.Buffer
	if err := before.Send(&parcel, []string{"web"}); err != nil {
		t.Fatal(err)
	}
	asked := 0
	h := newHeir(t, moving(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/v1/client/allocation/before-1/snapshot?for=after" {
			t.Errorf("asks for %s", r.URL)
		}
		switch asked++; {
		case asked < 7: // longer than one would try what fails
			http.Error(w, "it has not ended", http.StatusConflict)
		case asked < 9: // it breaks off
			if _, err := w.Write(parcel.Bytes()[:600]); err != nil {
				t.Error(err)
			}
			panic(http.ErrAbortHandler)
		default:
			if _, err := w.Write(parcel.Bytes()); err != nil {
				t.Error(err)
			}
		}
	}))
	h.begin()
	h.has(true)
	if h.begin(); asked != 9 {
		t.Errorf("asked %d times", asked)
	}
}

func TestAnAllocationStartsWithNothingWhereTheFilesCantBeHad(t *testing.T) {
	for code, tries := range map[int]int{http.StatusGone: 1, http.StatusForbidden: 1, http.StatusNotFound: 1, http.StatusInternalServerError: 5} {
		asked := 0
		h := newHeir(t, moving(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			http.Error(w, "the node is gone", code)
		}))
		h.begin()
		h.has(false)
		if asked != tries || len(h.said) != 1 || !strings.Contains(h.said[0], "the node is gone") {
			t.Errorf("%d: asked %d times, said %q", code, asked, h.said)
		}
	}
}

func TestMoreFilesThanTheDiskMayHoldAreNotTaken(t *testing.T) {
	before := allocdir.New(t.TempDir(), "before-1")
	leave(t, before)
	if err := os.WriteFile(filepath.Join(before.Shared(), "data/large"), make([]byte, 11<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := 0
	h := newHeir(t, moving(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_ = before.Send(w, nil) // who asks hangs up
	}))
	h.begin()
	h.has(false)
	if asked != 1 || len(h.said) != 1 || !strings.Contains(h.said[0], "may hold") {
		t.Errorf("asked %d times, said %q", asked, h.said)
	}
}

func TestAnAllocationThatIsNotWantedAnyMoreWaitsForNoFiles(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	unwanted := fmt.Errorf("it is stopped")
	h := newHeir(t, moving(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel(unwanted)
		http.Error(w, "it has not ended", http.StatusConflict)
	}))
	if err := h.disks.Prerun(ctx, h.start); !errors.Is(err, unwanted) {
		t.Error(err)
	}
}
