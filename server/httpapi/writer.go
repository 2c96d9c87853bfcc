package httpapi

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// compressFrom is the size in bytes from which an answer is compressed: below it the
// packet is the same.
const compressFrom = 1400

// writer is the http.ResponseWriter of every handler. It gives a client that does
// not read only so long before the connection is given up, however long the answer
// is, and remembers whether an answer has begun.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration // for one write; 0: no limit
	begun   bool
}

func newWriter(w http.ResponseWriter, timeout time.Duration) *writer {
	return &writer{ResponseWriter: w, control: http.NewResponseController(w), timeout: timeout}
}

// Unwrap lets an http.ResponseController find the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	w.begun = true
	if err := w.extend(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(b)
}

// FlushError sends what was written to the client.
func (w *writer) FlushError() error {
	w.begun = true
	if err := w.extend(); err != nil {
		return err
	}
	return w.control.Flush()
}

// extend gives the client another while to read.
func (w *writer) extend() error {
	if w.timeout == 0 {
		return nil
	}
	err := w.control.SetWriteDeadline(time.Now().Add(w.timeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set write deadline: %w", err)
	}
	return nil
}

// body writes the body of an answer, compressed if it is large and the client can
// read that. It must be closed.
type body struct {
	w      http.ResponseWriter
	pool   *sync.Pool // of *gzip.Writer, since each holds hundreds of kilobytes
	accept bool       // the client reads gzip
	held   bytes.Buffer
	sent   bool
	zip    *gzip.Writer
}

func newBody(c *call) *body {
	return &body{w: c.w, pool: &c.api.compressors, accept: acceptsGzip(c.http.Header.Get("Accept-Encoding"))}
}

func (b *body) Write(p []byte) (int, error) {
	if b.zip != nil {
		return b.zip.Write(p)
	}
	if b.sent {
		return b.w.Write(p)
	}
	if b.held.Len()+len(p) < compressFrom {
		return b.held.Write(p)
	}
	if b.accept {
		b.w.Header().Set("Content-Encoding", "gzip")
		b.zip = b.pool.Get().(*gzip.Writer)
		b.zip.Reset(b.w)
	}
	if err := b.begin(); err != nil {
		return 0, err
	}
	return b.Write(p)
}

// begin sends the header and what was held back.
func (b *body) begin() error {
	b.sent = true
	b.w.WriteHeader(http.StatusOK)
	_, err := b.Write(b.held.Bytes())
	return err
}

// Close sends the rest.
func (b *body) Close() error {
	if b.zip != nil {
		err := b.zip.Close()
		b.pool.Put(b.zip)
		return err
	}
	if b.sent {
		return nil
	}
	b.w.Header().Set("Content-Length", strconv.Itoa(b.held.Len()))
	return b.begin()
}

// acceptsGzip reports whether an Accept-Encoding header names gzip, and not to
// refuse it.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
		if !ok {
			return true
		}
		weight, err := strconv.ParseFloat(q, 64)
		return err == nil && weight > 0
	}
	return false
}
