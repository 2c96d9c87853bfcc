package httpapi

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"time"
)

// saveSnapshot is GET /v1/operator/snapshot: a backup of the whole state, as it comes.
func saveSnapshot(c *call) error {
	c.stateHeaders(c.api.store.Snapshot().Index(), c.api.store.Leader())
	c.w.Header().Set("Content-Type", "application/octet-stream")
	c.w.Header().Set("Content-Disposition", `attachment; filename="drover.snap"`)
	return c.api.store.Save(c.http.Context(), c.w)
}

// restoreSnapshot is PUT /v1/operator/snapshot: the whole state becomes that of a
// backup.
func restoreSnapshot(c *call) error {
	body := &patientReader{
		from:    c.http.Body,
		control: http.NewResponseController(c.w),
		timeout: c.api.limits.BodyTimeout,
	}
	buffered := bufio.NewReader(body)
	if _, err := buffered.Peek(1); errors.Is(err, io.EOF) {
		return malformed("the snapshot is empty")
	}
	if err := c.api.store.Restore(c.http.Context(), buffered); err != nil {
		return err
	}
	c.indexHeader(c.api.store.Snapshot().Index())
	return c.answer(struct{}{})
}

// patientReader reads a body of any size, as long as something comes.
type patientReader struct {
	from    io.Reader
	control *http.ResponseController
	timeout time.Duration
}

func (r *patientReader) Read(b []byte) (int, error) {
	if err := setReadDeadline(r.control, time.Now().Add(r.timeout)); err != nil {
		return 0, err
	}
	n, err := r.from.Read(b)
	if err != nil {
		if err := setReadDeadline(r.control, time.Time{}); err != nil {
			return n, err
		}
	}
	return n, err
}
