package nodeagent_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
	"github.com/droverhq/drover/nodeagent/fingerprint"
)

// gauge finds what a test says.
type gauge struct{ shown atomic.Pointer[reading] }

type reading struct {
	found string
	err   error
}

func (*gauge) Name() string { return "gauge" }

func (g *gauge) Run(context.Context) (func(*api.Node), error) {
	r := g.shown.Load()
	if r.err != nil {
		return nil, r.err
	}
	return func(n *api.Node) { n.Attributes["gauge"] = r.found }, nil
}

func TestAChangeOfTheMachineIsToldAndOnlyAChange(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		g := &gauge{}
		g.shown.Store(&reading{found: "1"})
		o := options(t, c, d)
		o.Fingerprinters = []fingerprint.Fingerprinter{fingerprint.Fixed{}, g}
		a := start(t, o)
		defer a.stop(t)
		<-a.Ready()
		told := func(times int, value string) {
			t.Helper()
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			c.set(func(c *cluster) {
				if len(c.facts) != times || a.Node().Attributes["gauge"] != value {
					t.Errorf("told %d times, it is %q; want %d and %q", len(c.facts), a.Node().Attributes["gauge"], times, value)
				}
			})
		}
		told(0, "1")
		class := a.Node().ComputedClass
		g.shown.Store(&reading{found: "2"})
		told(1, "2")
		c.set(func(c *cluster) {
			if a.Node().ComputedClass == class || a.Node().ID != c.hellos[0].ID || a.Node().SecretID != c.hellos[0].SecretID {
				t.Errorf("node %+v", a.Node())
			}
		})
		g.shown.Store(&reading{err: errors.New("it can't be seen for a moment")})
		told(1, "2")
		g.shown.Store(&reading{found: "3"})
		told(2, "3")
	})
}
