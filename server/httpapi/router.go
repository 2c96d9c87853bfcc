package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// handler answers a call. What it returns as an error is written by the router.
type handler func(c *call) error

// route is what is done with one path. Its pattern is the path below /v1/; a part
// {name} stands for one part of a path, {name...} for one or more of them, because
// IDs of dispatched jobs contain slashes.
type route struct {
	pattern string
	get     handler
	put     handler // of PUT and POST
	del     handler
}

// handler returns what answers a method, or nil.
func (r *route) handler(method string) handler {
	switch method {
	case http.MethodGet, http.MethodHead:
		return r.get
	case http.MethodPut, http.MethodPost:
		return r.put
	case http.MethodDelete:
		return r.del
	}
	return nil
}

// router finds the route of a path. Unlike http.ServeMux it never cleans a path, so
// that an ID may contain anything.
type router struct {
	byHead map[string][]compiled // by the first part of the pattern
}

type compiled struct {
	parts []string
	route *route
}

// newRouter compiles routes. Of those that fit a path the first counts.
func newRouter(routes []route) *router {
	t := &router{byHead: map[string][]compiled{}}
	for i := range routes {
		parts := strings.Split(routes[i].pattern, "/")
		t.byHead[parts[0]] = append(t.byHead[parts[0]], compiled{parts: parts, route: &routes[i]})
	}
	return t
}

// find returns the route of a path and the parts that its pattern names, or nil.
func (t *router) find(u *url.URL) (*route, map[string]string) {
	raw, ok := strings.CutPrefix(u.EscapedPath(), "/v1/")
	if !ok {
		return nil, nil
	}
	var parts []string
	for part := range strings.SplitSeq(raw, "/") {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return nil, nil
		}
		parts = append(parts, plain)
	}
	for _, c := range t.byHead[parts[0]] {
		if path, ok := c.match(parts); ok {
			return c.route, path
		}
	}
	return nil, nil
}

// match compares a path with the pattern. At most one part of a pattern takes more
// than one part of the path.
func (c *compiled) match(parts []string) (map[string]string, bool) {
	extra := len(parts) - len(c.parts)
	path := map[string]string{}
	at := 0
	for _, want := range c.parts {
		if at >= len(parts) {
			return nil, false
		}
		name, variable := strings.CutPrefix(want, "{")
		switch {
		case !variable:
			if parts[at] != want {
				return nil, false
			}
			at++
		case strings.HasSuffix(name, "...}"):
			if extra < 0 {
				return nil, false
			}
			path[strings.TrimSuffix(name, "...}")] = strings.Join(parts[at:at+extra+1], "/")
			at += extra + 1
		default:
			path[strings.TrimSuffix(name, "}")] = parts[at]
			at++
		}
	}
	if at != len(parts) || slices.Contains(parts, "") {
		return nil, false
	}
	return path, true
}
