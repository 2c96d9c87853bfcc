package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
)

// Disks brings the files of the allocations before to those that follow them.
func Disks(o DiskOptions) Alloc { return disks{o} }

// DiskOptions is what Disks needs.
type DiskOptions struct {
	// Root is where the directories of allocations are.
	Root string
	// Keep returns a directory of the agent's for an allocation, to note what was done.
	Keep func(allocID string) string
	// Dial opens a connection to a server, for its HTTP API.
	Dial func(context.Context) (net.Conn, error)
	// Pause is the first pause before files are asked for again. Default 200 ms.
	Pause time.Duration
	// Stall is how long nothing may come of files that are on their way. Default 1 min.
	Stall time.Duration
}

type disks struct{ DiskOptions }

const (
	defaultPause = 200 * time.Millisecond
	longestPause = 5 * time.Second
	defaultStall = time.Minute
	// fetchTries bounds how often files are begun to be fetched; to wait for their owner to
	// end is no try.
	fetchTries = 5
)

func (disks) Name() string { return "ephemeral_disk" }

func (disks) Concerns(g *api.TaskGroup) bool { return g.EphemeralDisk.Stays() }

// Prerun takes the files over, once. What can't be had is told, and done without: by the
// contract of the block an instance has to be able to start with nothing.
func (h disks) Prerun(ctx context.Context, s *AllocStart) error {
	before := s.Alloc.PreviousAllocation
	if before == "" {
		return nil
	}
	done := filepath.Join(h.Keep(s.Alloc.ID), "inherited")
	if _, err := os.Stat(done); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	own, last := allocdir.New(h.Root, s.Alloc.ID), allocdir.New(h.Root, before)
	_, err := os.Stat(last.Root)
	switch {
	case err == nil:
		err = own.Inherit(last, s.taskNames())
	case !errors.Is(err, fs.ErrNotExist):
	case s.Group.EphemeralDisk.Moves():
		err = h.fetch(ctx, own, s)
	default:
		s.note("Starting with an empty disk: the files of allocation " + short(before) + " are not on this node, and migrate is not set")
		err = nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(done), 0o700); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o600)
}

// Postrun has nothing to remove: what was taken over is the allocation's.
func (disks) Postrun(context.Context, string) error { return nil }

// Sweep has nothing to remove.
func (disks) Sweep(context.Context, func(string) bool) error { return nil }

func (s *AllocStart) taskNames() []string {
	names := make([]string, len(s.Group.Tasks))
	for i, t := range s.Group.Tasks {
		names[i] = t.Name
	}
	return names
}

func (s *AllocStart) note(message string) {
	if s.Note != nil {
		s.Note(&api.TaskEvent{
			Type: api.EventDisk, Time: time.Now().UnixNano(), DisplayMessage: message, Message: message,
			Details: map[string]string{"message": message},
		})
	}
}

func short(id string) string {
	head, _, _ := strings.Cut(id, "-")
	return head
}

// Errors of asking for files.
var (
	errNotYet = errors.New("they can't be had yet")
	errNever  = errors.New("they can't be had")
)

// fetch gets the files from the node on which the allocation before was. It waits until
// that has ended, as long as its node is in contact with the servers.
func (h disks) fetch(ctx context.Context, own allocdir.Dir, s *AllocStart) error {
	before := short(s.Alloc.PreviousAllocation)
	pause := h.Pause
	if pause <= 0 {
		pause = defaultPause
	}
	for failures := 0; ; pause = min(2*pause, longestPause) {
		err := h.try(ctx, own, s)
		switch {
		case err == nil:
			s.note("Took over the files of allocation " + before + " from its node")
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(err, errNotYet):
			failures++
		}
		if failures == fetchTries || errors.Is(err, errNever) || errors.Is(err, api.ErrTooLarge) {
			s.note(fmt.Sprintf("Starting with an empty disk: the files of allocation %s could not be fetched: %v", before, err))
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

func (h disks) try(ctx context.Context, own allocdir.Dir, s *AllocStart) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return h.Dial(ctx) },
	}
	where := "http://server/v1/client/allocation/" + url.PathEscape(s.Alloc.PreviousAllocation) + "/snapshot?for=" + url.QueryEscape(s.Alloc.ID)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return err
	}
	stall := h.Stall
	if stall <= 0 {
		stall = defaultStall
	}
	watchdog := time.AfterFunc(stall, cancel)
	defer watchdog.Stop()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotYet, err) // without a session, or one that has just ended
	}
	body := &watched{response.Body, watchdog, stall}
	if response.StatusCode == http.StatusOK {
		limit := int64(api.Deref(s.Group.EphemeralDisk.SizeMB)) << 20
		err = own.Receive(body, s.taskNames(), limit)
	} else {
		err = refusal(response.StatusCode, body)
	}
	return errors.Join(err, response.Body.Close())
}

// refusal says what the answer to a request for files means that is not the files.
func refusal(code int, body io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(body, 1<<10))
	if err != nil {
		return err
	}
	why := strings.TrimSpace(string(text))
	switch code {
	case http.StatusConflict, http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return fmt.Errorf("%w: %s", errNotYet, why)
	case http.StatusGone, http.StatusForbidden, http.StatusNotFound:
		return fmt.Errorf("%w: %s", errNever, why)
	}
	return fmt.Errorf("answer %d: %s", code, why)
}

// watched keeps the watchdog quiet while something comes.
type watched struct {
	io.Reader
	watchdog *time.Timer
	stall    time.Duration
}

// Read implements io.Reader.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	if n > 0 {
		w.watchdog.Reset(w.stall)
	}
	return n, err
}
