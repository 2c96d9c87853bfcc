package reconcile

import (
	"context"
	"sync"
	"time"

	"github.com/droverhq/drover/store"
)

// leadAllowed is how much of what the change feed keeps may be left to follow while
// controllers go on writing.
const leadAllowed = 0.25

// lookAgain is when a writer that is held back looks again though nothing was dispatched:
// what was left to follow may have concerned no controller.
const lookAgain = 50 * time.Millisecond

// pace holds back the writes of controllers while these have much to follow still. A
// controller that wrote faster than it can follow would make the feed run past it, and
// reading everything again takes so long that the feed would run past it once more.
type pace struct {
	clock Clock

	mu    sync.Mutex // guards the rest
	feed  store.Feed // that is followed; nil: none is, nobody waits
	moved chan struct{}
}

// follow says which feed is followed from now on, or that none is.
func (p *pace) follow(feed store.Feed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.feed = feed
	p.wake()
}

// step says that some of the feed has been followed.
func (p *pace) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake()
}

// wake is called with mu held.
func (p *pace) wake() {
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

// wait returns when there is little left to follow. The error is the context's.
func (p *pace) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		if p.feed == nil || p.feed.Behind() <= leadAllowed {
			p.mu.Unlock()
			return nil
		}
		if p.moved == nil {
			p.moved = make(chan struct{})
		}
		moved := p.moved
		p.mu.Unlock()
		select {
		case <-moved:
		case <-p.clock.After(lookAgain):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
