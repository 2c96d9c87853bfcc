package artifact

import (
	"fmt"
	"io"
	"net/http"
)

// limited is a transport whose answers fail when they are larger than max bytes. (What
// go-getter offers cuts them off, and nobody is told.)
type limited struct {
	http.RoundTripper
	max int64
}

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = &bounded{ReadCloser: resp.Body, left: l.max, max: l.max}
	}
	return resp, err
}

type bounded struct {
	io.ReadCloser
	left, max int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the answer is larger than limit: %d bytes", b.max)
	}
	return n, err
}
