package checks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// What a check that went well says; clients know these texts.
const (
	httpOK = "nomad: http ok"
	tcpOK  = "nomad: tcp ok"
)

// maxOutput is how much of a failure's cause is kept, in bytes.
const maxOutput = 3 << 10

// maxRedirects bounds how often an HTTP check is sent on.
const maxRedirects = 10

// prober makes checks over the network. No connection outlives its check: that a
// service accepts new ones is part of what is checked.
type prober struct {
	dialer net.Dialer
	direct http.RoundTripper // for all checks that agree about TLS with most
}

func newProber() *prober {
	p := &prober{}
	p.direct = p.transport(nil)
	return p
}

func (p *prober) transport(c *tls.Config) http.RoundTripper {
	return &http.Transport{
		DialContext: p.dialer.DialContext, TLSClientConfig: c,
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
	}
}

// probe makes a check once.
func (p *prober) probe(ctx context.Context, s *Spec) Outcome {
	switch s.Type {
	case api.CheckTCP:
		return p.tcp(ctx, s)
	case api.CheckHTTP:
		return p.http(ctx, s)
	}
	return Outcome{Output: fmt.Sprintf("node agents make no check of type %q", s.Type)}
}

func (p *prober) tcp(ctx context.Context, s *Spec) Outcome {
	conn, err := p.dialer.DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return failed(ctx, s, err)
	}
	_ = conn.Close() // it was opened: that is all that was asked
	return Outcome{OK: true, Output: tcpOK}
}

func (p *prober) http(ctx context.Context, s *Spec) Outcome {
	r, err := request(ctx, s)
	if err != nil {
		return failed(ctx, s, err)
	}
	client := http.Client{Transport: p.direct, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return fmt.Errorf("sent on %d times", len(via))
		}
		return nil
	}}
	if s.TLSSkipVerify || s.TLSServerName != "" {
		client.Transport = p.transport(&tls.Config{ServerName: s.TLSServerName, InsecureSkipVerify: s.TLSSkipVerify}) //nolint:gosec // the job asks for it
	}
	resp, err := client.Do(r)
	if err != nil {
		return failed(ctx, s, err)
	}
	defer resp.Body.Close()
	o := Outcome{Code: resp.StatusCode}
	if resp.StatusCode < http.StatusBadRequest {
		o.OK, o.Output = true, httpOK
		return o
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxOutput))
	o.Output = strings.ToValidUTF8(string(body), "?")
	if err != nil || strings.TrimSpace(o.Output) == "" {
		o.Output = resp.Status
	}
	return o
}

func request(ctx context.Context, s *Spec) (*http.Request, error) {
	path, err := url.Parse(s.Path)
	if err != nil {
		return nil, fmt.Errorf("path of the check: %w", err)
	}
	base := url.URL{Scheme: s.Scheme, Host: s.Address, Path: "/"}
	method := s.Method
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, base.ResolveReference(path).String(), strings.NewReader(s.Body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "drover health check")
	for name, values := range s.Header {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if name == "Host" && len(values) > 0 {
			r.Host = values[0]
			continue
		}
		r.Header[name] = values
	}
	return r, nil
}

func failed(ctx context.Context, s *Spec, err error) Outcome {
	text := err.Error()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		text = fmt.Sprintf("no answer within %v: %v", s.Timeout.Round(time.Millisecond), err)
	}
	return Outcome{Output: text[:min(len(text), maxOutput)]}
}
