package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

const (
	// connectPatience is for a host at the other end of a virtual wire.
	connectPatience = 500 * time.Millisecond
	// patience bounds all that is asked of a service.
	patience = 5 * time.Second
	// answerMax is more than anything that becomes an attribute.
	answerMax = 1 << 20
	// valueMax is the longest value, in bytes, that becomes an attribute: tags and such can
	// be whole scripts.
	valueMax = 512
)

// uniquePrefix marks attributes that differ from node to node.
const uniquePrefix = "unique."

// service is a metadata service.
type service struct {
	url    string // ends with a slash
	header http.Header
	query  string
	http   *http.Client
}

func newService(url string, header map[string]string) *service {
	s := &service{
		url: strings.TrimSuffix(url, "/") + "/", header: http.Header{},
		http: &http.Client{Transport: &http.Transport{ // no proxy: it would answer for its own machine
			DialContext: (&net.Dialer{Timeout: connectPatience}).DialContext, ResponseHeaderTimeout: patience,
		}},
	}
	s.header.Set("User-Agent", "drover")
	for name, value := range header {
		s.header.Set(name, value)
	}
	return s
}

func (s *service) close() { s.http.CloseIdleConnections() }

// errAbsent says that the service does not know a value.
var errAbsent = errors.New("the metadata service does not know it")

// get asks for a value.
func (s *service) get(ctx context.Context, path string) (string, error) {
	return s.ask(ctx, http.MethodGet, s.url+path+s.query)
}

func (s *service) ask(ctx context.Context, method, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header = s.header
	resp, err := s.http.Do(req)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	err = errors.Join(err, resp.Body.Close())
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", url, err)
	case resp.StatusCode == http.StatusNotFound:
		return "", errAbsent
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s: %s", url, resp.Status)
	}
	return strings.TrimSpace(string(b)), nil
}

// value is one that becomes an attribute.
type value struct {
	path   string
	name   string // of the attribute, without what begins them all
	unique bool
	last   bool // only the last element counts: projects/1/zones/us-central1-f
}

// attributes collects what is found.
type attributes struct {
	prefix string // platform.aws.
	values map[string]string
}

// add adds one, unless it is nothing or too long. A name that begins with "unique." makes
// an attribute that does.
func (a attributes) add(kind, name, value string) {
	unique := ""
	if rest, ok := strings.CutPrefix(name, uniquePrefix); ok {
		unique, name = uniquePrefix, rest
	}
	if value != "" && len(value) <= valueMax {
		a.values[unique+a.prefix+kind+name] = value
	}
}

// collect asks for values. Those that the service does not know are left out.
func (s *service) collect(ctx context.Context, into attributes, values []value) error {
	for _, v := range values {
		got, err := s.get(ctx, v.path)
		if errors.Is(err, errAbsent) {
			continue
		}
		if err != nil {
			return err
		}
		if v.last {
			got = got[strings.LastIndexByte(got, '/')+1:]
		}
		name := v.name
		if v.unique {
			name = uniquePrefix + name
		}
		into.add("", name, got)
	}
	return nil
}

// write returns what writes attributes and a link into a node.
func (a attributes) write(link, id string) func(*api.Node) {
	return func(n *api.Node) {
		for name, v := range a.values {
			n.Attributes[name] = v
		}
		if id != "" {
			if n.Links == nil {
				n.Links = map[string]string{}
			}
			n.Links[link] = id
		}
	}
}

// firmware returns what the machine's firmware says of itself, by a name below
// /sys/class/dmi/id; "" if it says nothing, or not to us.
func firmware(system fs.FS, name string) string {
	if system == nil {
		return ""
	}
	b, err := fs.ReadFile(system, "sys/class/dmi/id/"+name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
