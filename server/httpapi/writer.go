package httpapi

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net"
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

// Hijack hands the connection over, to be something else than HTTP.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := w.control.Hijack()
	w.begun = w.begun || err == nil
	return conn, buffered, err
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

// packer writes the body of an answer, compressed if it is large and the client can
// read that. It must be closed.
type packer struct {
	w      http.ResponseWriter
	pool   *sync.Pool // of *gzip.Writer, since each holds hundreds of kilobytes
	accept bool       // the client reads gzip
	held   bytes.Buffer
	sent   bool
	zip    *gzip.Writer
}

func newPacker(c *call) *packer {
	return &packer{w: c.w, pool: &c.api.compressors, accept: acceptsGzip(c.http.Header.Get("Accept-Encoding"))}
}

func (p *packer) Write(data []byte) (int, error) {
	if p.zip != nil {
		return p.zip.Write(data)
	}
	if p.sent {
		return p.w.Write(data)
	}
	if p.held.Len()+len(data) < compressFrom {
		return p.held.Write(data)
	}
	if p.accept {
		p.w.Header().Set("Content-Encoding", "gzip")
		p.zip = p.pool.Get().(*gzip.Writer)
		p.zip.Reset(p.w)
	}
	if err := p.begin(); err != nil {
		return 0, err
	}
	return p.Write(data)
}

// begin sends the header and what was held back.
func (p *packer) begin() error {
	p.sent = true
	p.w.WriteHeader(http.StatusOK)
	_, err := p.Write(p.held.Bytes())
	return err
}

// Close sends the rest.
func (p *packer) Close() error {
	if p.zip != nil {
		err := p.zip.Close()
		p.pool.Put(p.zip)
		return err
	}
	if p.sent {
		return nil
	}
	p.w.Header().Set("Content-Length", strconv.Itoa(p.held.Len()))
	return p.begin()
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
