package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
)

// call is one request on its way through a handler.
type call struct {
	api   *API
	http  *http.Request
	w     *writer
	path  map[string]string // by the names in the route's pattern, decoded
	query url.Values
}

// newCall reads a request's query. path is what the route found in its path.
func newCall(a *API, w *writer, r *http.Request, path map[string]string) (*call, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed("the query string can't be read: %v", err)
	}
	for name, values := range query {
		if !utf8.ValidString(name + strings.Join(values, "")) {
			return nil, malformed("the query string is not valid UTF-8")
		}
	}
	if region := query.Get("region"); region != "" && region != a.agent.Region {
		return nil, malformed("this server is of region %q and knows no region %q", a.agent.Region, region)
	}
	for name, value := range path {
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return nil, malformed("%s in the path is not valid UTF-8 text", name)
		}
	}
	return &call{api: a, http: r, w: w, path: path, query: query}, nil
}

// flag reads a boolean of the query; given without a value it is true.
func (c *call) flag(name string) (bool, error) {
	return c.flagOr(name, false)
}

func (c *call) flagOr(name string, absent bool) (bool, error) {
	values, ok := c.query[name]
	if !ok {
		return absent, nil
	}
	if values[0] == "" {
		return true, nil
	}
	v, err := strconv.ParseBool(values[0])
	if err != nil {
		return false, malformed("%s=%q is neither true nor false", name, values[0])
	}
	return v, nil
}

// number reads a whole number of the query; 0 if it is not given.
func (c *call) number(name string) (uint64, error) {
	s := c.query.Get(name)
	if s == "" {
		return 0, nil
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, malformed("%s=%q is not a whole number", name, s)
	}
	return v, nil
}

// duration reads a time span of the query such as 5s; absent if it is not given.
func (c *call) duration(name string, absent time.Duration) (time.Duration, error) {
	s := c.query.Get(name)
	if s == "" {
		return absent, nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return 0, malformed("%s=%q is not a duration such as 30s or 5m", name, s)
	}
	return v, nil
}

// namespace is the one that the request is about.
func (c *call) namespace() string {
	if ns := c.query.Get("namespace"); ns != "" {
		return ns
	}
	return api.DefaultNamespace
}

// namespaces is the one whose objects a list is of, or "" for all of them.
func (c *call) namespaces() string {
	if ns := c.namespace(); ns != "*" {
		return ns
	}
	return ""
}

// id returns a part of the path that must be the whole ID of a thing.
func (c *call) id(name, what string) (string, error) {
	id := c.path[name]
	if len(id) != 36 || uuid.Validate(id) != nil {
		return "", malformed("%s ID %q is not a whole ID of 36 characters; find it by its beginning in a list, with ?prefix=", what, id)
	}
	return id, nil
}
