package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/droverhq/drover/api"
)

// Files are the routes below /v1/client/fs: the files of allocations.
type Files struct{ c *Client }

func fsPath(verb, allocID string) string {
	return "/v1/client/fs/" + verb + "/" + url.PathEscape(allocID)
}

// List returns the files of a folder in an allocation's directory.
func (f *Files) List(ctx context.Context, allocID, path string, q Query) ([]*api.AllocFileInfo, error) {
	q.Params = map[string]string{"path": path}
	out, _, err := get[[]*api.AllocFileInfo](ctx, f.c, fsPath("ls", allocID), q)
	return out, err
}

// Stat returns one file's facts.
func (f *Files) Stat(ctx context.Context, allocID, path string, q Query) (*api.AllocFileInfo, error) {
	q.Params = map[string]string{"path": path}
	out, _, err := get[*api.AllocFileInfo](ctx, f.c, fsPath("stat", allocID), q)
	return out, err
}

// Cat returns a file's contents; it must be closed.
func (f *Files) Cat(ctx context.Context, allocID, path string, q Query) (io.ReadCloser, error) {
	q.Params = map[string]string{"path": path}
	resp, err := f.c.do(ctx, http.MethodGet, fsPath("cat", allocID), f.c.values(q), nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// LogQuery says which log, and which part of it, Logs returns.
type LogQuery struct {
	Task   string
	Stderr bool
	Follow bool
	// Offset counts bytes from the start, or with FromEnd from the end.
	Offset  int64
	FromEnd bool
}

// Logs writes a task's log to w until its end, or with Follow until the task ends
// or ctx is cancelled.
func (f *Files) Logs(ctx context.Context, allocID string, l LogQuery, q Query, w io.Writer) error {
	kind, origin := "stdout", "start"
	if l.Stderr {
		kind = "stderr"
	}
	if l.FromEnd {
		origin = "end"
	}
	q.Params = map[string]string{
		"task": l.Task, "type": kind, "origin": origin,
		"follow": strconv.FormatBool(l.Follow), "offset": strconv.FormatInt(l.Offset, 10),
	}
	resp, err := f.c.do(ctx, http.MethodGet, fsPath("logs", allocID), f.c.values(q), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return copyFrames(w, resp.Body)
}

// copyFrames writes the data of the frames of a stream.
func copyFrames(w io.Writer, r io.Reader) error {
	dec := json.NewDecoder(r)
	for {
		var frame api.StreamFrame
		err := dec.Decode(&frame)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read log stream: %w", err)
		}
		if _, err := w.Write(frame.Data); err != nil {
			return err
		}
	}
}
