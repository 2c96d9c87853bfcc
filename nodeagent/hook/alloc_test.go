package hook_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/hook"
	"github.com/droverhq/drover/nodeagent/network"
)

func TestANetworkIsMadeForGroupsThatDoNotHaveTheNodesAsItIs(t *testing.T) {
	networks := hook.Networks(network.New(network.Options{Dir: t.TempDir()}))
	for name, c := range map[string]struct {
		asked []*api.NetworkResource
		want  bool
	}{
		"none asked for": {nil, false},
		"the node's":     {[]*api.NetworkResource{{Mode: "host"}}, false},
		"by default":     {[]*api.NetworkResource{{}}, false},
		"other names":    {[]*api.NetworkResource{{DNS: &api.DNSConfig{Servers: []string{"192.0.2.1"}}}}, true},
		"a bridge":       {[]*api.NetworkResource{{Mode: "bridge"}}, true},
		"of plugins":     {[]*api.NetworkResource{{Mode: "cni/x"}}, true},
		"loopback only":  {[]*api.NetworkResource{{Mode: "none"}}, true},
	} {
		if got := hook.ConcernsAny([]hook.Alloc{networks}, &api.TaskGroup{Networks: c.asked}); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// step is a hook that writes down what it is asked for.
type step struct {
	name   string
	needed bool
	broken error
	said   *[]string
}

func (s step) Name() string                 { return s.name }
func (s step) Concerns(*api.TaskGroup) bool { return s.needed }

func (s step) Prerun(context.Context, *hook.AllocStart) error {
	*s.said = append(*s.said, "make "+s.name)
	return s.broken
}

func (s step) Postrun(_ context.Context, id string) error {
	*s.said = append(*s.said, "remove "+s.name+" of "+id)
	return s.broken
}

func (s step) Sweep(_ context.Context, known func(string) bool) error {
	if !known("a") && known("b") {
		*s.said = append(*s.said, "sweep "+s.name)
	}
	return s.broken
}

func TestWhatIsSharedIsMadeInOrderAndAllOfItRemoved(t *testing.T) {
	broken := errors.New("broken")
	var said []string
	hooks := []hook.Alloc{
		step{"one", true, nil, &said},
		step{"unneeded", false, nil, &said},
		step{"two", true, broken, &said},
		step{"three", true, nil, &said},
	}
	expect := func(err, want error, lines ...string) {
		t.Helper()
		if !errors.Is(err, want) || !slices.Equal(said, lines) {
			t.Errorf("%v, %v; want %v, %v", said, err, lines, want)
		}
		said = nil
	}
	expect(hook.Prerun(t.Context(), hooks, &hook.AllocStart{Group: &api.TaskGroup{}}), broken, "make one", "make two")
	expect(hook.Postrun(t.Context(), hooks, "a"), broken, "remove three of a", "remove two of a", "remove unneeded of a", "remove one of a")
	expect(hook.Sweep(t.Context(), hooks, func(id string) bool { return id == "b" }), broken, "sweep one", "sweep unneeded", "sweep two", "sweep three")
	stopped, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	expect(hook.Prerun(stopped, hooks, &hook.AllocStart{Group: &api.TaskGroup{}}), context.Cause(stopped))
}
