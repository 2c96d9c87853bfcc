package template

import (
	"context"
	"net"
	"reflect"
	"time"

	dep "github.com/hashicorp/consul-template/dependency"
)

// feed is something of the cluster that templates read.
type feed struct {
	dep   dep.Dependency
	index uint64 // up to which it is known
	data  any
	known bool
}

// news is what a feed brings.
type news struct {
	feed  *feed
	data  any
	index uint64
	err   error
}

const (
	// feedWait is how long an answer is waited for when nothing changes.
	feedWait = 5 * time.Minute
	// firstAgain and lastAgain bound the pause after an error.
	firstAgain = 250 * time.Millisecond
	lastAgain  = 30 * time.Second
)

// follow tells what a feed brings until ctx is done. It tells an error, and goes on.
func (f *feed) follow(ctx context.Context, clients *dep.ClientSet, tell func(news)) {
	index, pause := f.index, firstAgain
	for ctx.Err() == nil {
		data, meta, err := f.dep.Fetch(clients, &dep.QueryOptions{WaitIndex: index, WaitTime: feedWait})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			tell(news{feed: f, err: err})
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, lastAgain)
			continue
		}
		pause = firstAgain
		if meta.LastIndex < index { // the servers were restored from a snapshot
			index = 0
			continue
		}
		changed := meta.LastIndex != index
		index = meta.LastIndex
		if data == nil && meta.BlockOnNil || !changed && f.known {
			continue
		}
		tell(news{feed: f, data: data, index: index})
	}
}

// take remembers what a feed brought, and reports whether it is new.
func (f *feed) take(n news) bool {
	same := f.known && reflect.DeepEqual(f.data, n.data)
	f.data, f.index, f.known = n.data, n.index, true
	return !same
}

// line opens connections to the servers for as long as its context lasts.
type line struct {
	ctx  context.Context
	dial func(context.Context) (net.Conn, error)
}

// Dial implements dependency.TransportDialer.
func (l line) Dial(network, address string) (net.Conn, error) {
	return l.DialContext(l.ctx, network, address)
}

// DialContext implements dependency.TransportDialer.
func (l line) DialContext(context.Context, string, string) (net.Conn, error) {
	conn, err := l.dial(l.ctx)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(l.ctx, func() { conn.Close() })
	return conn, nil
}

// clients returns what the library asks the servers with. It is of no use when ctx is
// done.
func (o *Options) clients(ctx context.Context) (*dep.ClientSet, error) {
	set := dep.NewClientSet()
	err := set.CreateNomadClient(&dep.CreateNomadClientInput{
		Address:               "http://127.0.0.1", // no proxy is asked for it
		Namespace:             o.Namespace,
		Token:                 o.Workload,
		TransportCustomDialer: line{ctx, o.Dial},
	})
	return set, err
}
