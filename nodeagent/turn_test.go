package nodeagent

import (
	"context"
	"errors"
	"testing"
)

func TestAStartGivesItsTurnBackOnceHoweverItEnds(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		work func(stop context.CancelFunc) error
		want error
	}{
		"well":           {func(context.CancelFunc) error { return nil }, nil},
		"with an error":  {func(context.CancelFunc) error { return broken }, broken},
		"wanted no more": {func(stop context.CancelFunc) error { stop(); return nil }, context.Canceled},
	} {
		tokens := make(chan struct{}, 1)
		ctx, stop := context.WithCancel(t.Context())
		turn := startTurn{tokens: tokens}
		if err := turn.enter(ctx); err != nil {
			t.Fatal(err)
		}
		other := startTurn{tokens: tokens}
		err := turn.aside(ctx, func() error {
			if err := other.enter(ctx); err != nil { // others have it meanwhile, …
				t.Errorf("%s: %v", name, err)
			}
			if c.want == nil {
				other.leave()
			}
			return c.work(stop)
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		turn.leave()
		if held := len(tokens) == 1; held != other.held { // … and keep it
			t.Errorf("%s: the token of another start was given back", name)
		}
		stop()
	}
}
