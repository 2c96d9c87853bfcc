package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// DefaultAddress is where a client looks for a server when nobody says otherwise.
const DefaultAddress = "http://127.0.0.1:4646"

// Config says which server a client talks to, and as whom. The zero value is the
// local agent.
type Config struct {
	Address   string // http://HOST:PORT, or HOST:PORT
	Region    string
	Namespace string // of queries that name none
	Token     string
	// HTTPClient is used instead of one of the client's own, if not nil.
	HTTPClient *http.Client
}

// FromEnv reads DROVER_ADDR, DROVER_REGION, DROVER_NAMESPACE and DROVER_TOKEN, and
// failing these NOMAD_ADDR and so on.
func FromEnv() Config {
	return Config{Address: Env("ADDR"), Region: Env("REGION"), Namespace: Env("NAMESPACE"), Token: Env("TOKEN")}
}

// Env returns the environment variable DROVER_name, or else NOMAD_name.
func Env(name string) string {
	if v, ok := os.LookupEnv("DROVER_" + name); ok {
		return v
	}
	return os.Getenv("NOMAD_" + name)
}

// Client talks to a server's HTTP API, by nouns.
type Client struct {
	cfg  Config
	base *url.URL
	http *http.Client

	Jobs        *Jobs
	Allocations *Allocations
	Files       *Files
	Evaluations *Evaluations
	Deployments *Deployments
	Nodes       *Nodes
	Agent       *Agent
	Operator    *Operator
	Events      *Events
	Scaling     *Scaling
	Services    *Services
	Namespaces  *Namespaces
	NodePools   *NodePools
	Volumes     *Volumes
	Kinds       *Kinds
	Resources   *Resources
	Objects     *Objects
	Variables   *Variables
	RootKeys    *RootKeys
}

// New returns a client. The error says what is wrong with the address.
func New(cfg Config) (*Client, error) {
	address := cfg.Address
	if address == "" {
		address = DefaultAddress
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	base, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("server address %q: %w", cfg.Address, err)
	}
	if base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("server address %q: write it as http://HOST:PORT", cfg.Address)
	}
	c := &Client{cfg: cfg, base: base, http: cfg.HTTPClient}
	if c.http == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 16
		c.http = &http.Client{Transport: transport}
	}
	c.Jobs, c.Allocations, c.Files = &Jobs{c}, &Allocations{c}, &Files{c}
	c.Evaluations, c.Deployments, c.Nodes = &Evaluations{c}, &Deployments{c}, &Nodes{c}
	c.Agent, c.Operator, c.Events = &Agent{c}, &Operator{c}, &Events{c}
	c.Scaling, c.Namespaces, c.NodePools = &Scaling{c}, &Namespaces{c}, &NodePools{c}
	c.Kinds, c.Resources, c.Services = &Kinds{c}, &Resources{c}, &Services{c}
	c.Objects, c.Volumes = &Objects{c}, &Volumes{c}
	c.Variables, c.RootKeys = &Variables{c}, &RootKeys{c}
	return c, nil
}

// Address is the server's address.
func (c *Client) Address() string { return c.base.String() }

// Namespace is the namespace of queries that name none.
func (c *Client) Namespace() string {
	if c.cfg.Namespace == "" {
		return api.DefaultNamespace
	}
	return c.cfg.Namespace
}

// Query qualifies a read.
type Query struct {
	Namespace string // "*" for all; the client's if empty
	Region    string
	Prefix    string // of IDs
	Filter    string // an expression: Status == "running"
	PerPage   int
	NextToken string
	Reverse   bool
	// WaitIndex makes the read wait until what it asks for changes after this index,
	// at most for WaitTime (0: the server's default of 5 minutes).
	WaitIndex uint64
	WaitTime  time.Duration
	// AllowStale reads what the server at hand knows, possibly behind the leader.
	AllowStale bool
	// Params are further parameters of the route.
	Params map[string]string
}

func (c *Client) values(q Query) url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("namespace", firstOf(q.Namespace, c.cfg.Namespace))
	set("region", firstOf(q.Region, c.cfg.Region))
	set("prefix", q.Prefix)
	set("filter", q.Filter)
	set("next_token", q.NextToken)
	if q.PerPage > 0 {
		v.Set("per_page", strconv.Itoa(q.PerPage))
	}
	if q.Reverse {
		v.Set("reverse", "true")
	}
	if q.WaitIndex > 0 {
		v.Set("index", strconv.FormatUint(q.WaitIndex, 10))
		if q.WaitTime > 0 {
			v.Set("wait", q.WaitTime.String())
		}
	}
	if q.AllowStale {
		v.Set("stale", "")
	}
	for name, value := range q.Params {
		v.Set(name, value)
	}
	return v
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// StatusError is an answer with an error status.
type StatusError struct {
	Code int
	Body string // what the server said
}

func (e *StatusError) Error() string {
	body := strings.TrimSpace(e.Body)
	if body == "" {
		body = http.StatusText(e.Code)
	}
	return fmt.Sprintf("Unexpected response code: %d (%s)", e.Code, body)
}

// Is knows the errors of package api.
func (e *StatusError) Is(target error) bool {
	switch e.Code {
	case http.StatusNotFound:
		return target == api.ErrNotFound
	case http.StatusConflict:
		return target == api.ErrConflict
	case http.StatusForbidden:
		return target == api.ErrDenied
	case http.StatusServiceUnavailable:
		return target == api.ErrNoLeader
	case http.StatusRequestEntityTooLarge:
		return target == api.ErrTooLarge
	case http.StatusNotImplemented:
		return target == api.ErrNotSupported
	}
	return false
}

// maxErrorBody is how much of an error's text is read, in bytes.
const maxErrorBody = 64 << 10

// do sends a request and returns an answer with a good status; its body must be
// closed.
func (c *Client) do(ctx context.Context, method, path string, v url.Values, body io.Reader) (*http.Response, error) {
	u := *c.base
	u.Path, u.RawPath = "", ""
	target := strings.TrimSuffix(u.String(), "/") + path
	if len(v) > 0 {
		target += "?" + v.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	if c.cfg.Token != "" {
		req.Header.Set("X-Nomad-Token", c.cfg.Token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	return nil, errors.Join(&StatusError{Code: resp.StatusCode, Body: string(text)}, err, resp.Body.Close())
}

// write sends a JSON body, and expects nothing but success.
func (c *Client) write(ctx context.Context, method, path string, q Query, body any) error {
	_, err := send[struct{}](ctx, c, method, path, q, body)
	return err
}

// get reads a JSON answer into a T.
func get[T any](ctx context.Context, c *Client, path string, q Query) (T, api.QueryMeta, error) {
	var out T
	resp, err := c.do(ctx, http.MethodGet, path, c.values(q), nil)
	if err != nil {
		return out, api.QueryMeta{}, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, api.QueryMeta{}, fmt.Errorf("read the answer to GET %s: %w", path, err)
	}
	return out, queryMeta(resp.Header), nil
}

func queryMeta(h http.Header) api.QueryMeta {
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(h.Get(name), 10, 64)
		if err != nil {
			return 0 // a route without it
		}
		return n
	}
	return api.QueryMeta{
		LastIndex:   number("X-Nomad-Index"),
		LastContact: time.Duration(number("X-Nomad-LastContact")) * time.Millisecond,
		KnownLeader: h.Get("X-Nomad-KnownLeader") == "true",
		NextToken:   h.Get("X-Nomad-NextToken"),
	}
}

// send sends a JSON body with PUT, POST or DELETE and reads a JSON answer into a T.
func send[T any](ctx context.Context, c *Client, method, path string, q Query, body any) (T, error) {
	var out T
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return out, fmt.Errorf("encode the body of %s %s: %w", method, path, err)
		}
		in = bytes.NewReader(b)
	}
	resp, err := c.do(ctx, method, path, c.values(q), in)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	err = json.NewDecoder(resp.Body).Decode(&out)
	if err != nil && !errors.Is(err, io.EOF) { // some answers are empty
		return out, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return out, nil
}
