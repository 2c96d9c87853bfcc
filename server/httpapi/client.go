package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/droverhq/drover/api"
)

// NodeDialer reaches node agents over their sessions.
type NodeDialer interface {
	// DialNode opens a stream on which the node's agent answers HTTP requests.
	// Errors: api.ErrNotFound if the node has no session with this server.
	DialNode(ctx context.Context, nodeID string) (net.Conn, error)
}

// nodeProxy passes requests about an allocation or a node on to its agent, which
// answers the same paths.
type nodeProxy struct {
	transport *http.Transport
}

func newNodeProxy(nodes NodeDialer) *nodeProxy {
	return &nodeProxy{transport: &http.Transport{
		// The host of a request is the ID of a node. A stream costs nothing to open, so
		// none is kept.
		DisableKeepAlives: true,
		// What an agent compresses, the client can read or has not asked for.
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			nodeID, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, fmt.Errorf("node %q: %w", address, err)
			}
			return nodes.DialNode(ctx, nodeID)
		},
	}}
}

// proxyAllocation passes a request on to the agent that has the allocation in its path.
func proxyAllocation(c *call) error {
	a, err := c.allocation(c.api.store.Snapshot())
	if err != nil {
		// It may be placed already, but not here yet.
		if err := c.api.store.Sync(c.http.Context()); err != nil {
			return err
		}
		if a, err = c.allocation(c.api.store.Snapshot()); err != nil {
			return err
		}
	}
	return c.api.nodes.pass(c, a.NodeID)
}

// proxyNode passes a request on to the agent of the node that ?node_id= names.
func proxyNode(c *call) error {
	id := c.query.Get("node_id")
	if id == "" {
		return malformed("node_id is missing: which node is it about?")
	}
	c.path["node"] = id
	n, err := c.node(c.api.store.Snapshot())
	if err != nil {
		return err
	}
	return c.api.nodes.pass(c, n.ID)
}

// proxyNodeMeta passes a change of a node's meta on to its agent. The node may be named
// in the body instead of ?node_id=.
func proxyNodeMeta(c *call) error {
	if c.query.Get("node_id") == "" {
		b, err := c.readBody()
		if err != nil {
			return err
		}
		var in struct{ NodeID string }
		if err := json.Unmarshal(b, &in); err != nil {
			return malformed("request body is not the expected JSON: %v", err)
		}
		c.query.Set("node_id", in.NodeID)
		c.http.Body, c.http.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	}
	return proxyNode(c)
}

// pass lets a node's agent answer a request. What it sends is passed on as it comes.
func (p *nodeProxy) pass(c *call, nodeID string) error {
	ctx, cancel := context.WithCancel(c.http.Context())
	defer cancel()
	// A log that is followed has no end: it must not keep the server from stopping.
	defer context.AfterFunc(c.api.serving, cancel)()

	var failure error
	proxy := &httputil.ReverseProxy{
		Transport:     p.transport,
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: nodeID})
			r.Out.Header.Del("Accept-Encoding")
			r.SetXForwarded()
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("Vary") // set for all answers
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failure = err },
		ErrorLog:     c.api.silent,
	}
	proxy.ServeHTTP(c.w, c.http.WithContext(ctx))
	switch {
	case failure == nil:
		return nil
	case c.http.Context().Err() != nil:
		return c.http.Context().Err()
	case errors.Is(failure, api.ErrNotFound):
		return wordedf(errNoNode, "node %s is not connected to this server: %v", nodeID, failure)
	}
	return wordedf(errNoNode, "ask node %s: %s", nodeID, strings.TrimSpace(failure.Error()))
}
