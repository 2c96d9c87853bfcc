package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/fleet"
)

// watched is the small job that the operator looks after.
const watched = "watched"

// question is something that an operator does again and again.
type question struct {
	name  string
	every time.Duration
	ask   func(ctx context.Context, w *world) error
}

var questions = []question{
	{"job status of a job of 10", askEvery, func(ctx context.Context, w *world) error { return w.status(ctx, watched) }},
	{"summary of the largest job", askEvery, func(ctx context.Context, w *world) error {
		_, _, err := w.server.Client.Jobs.Summary(ctx, "job-0000", client.Query{})
		return ignoreMissing(err)
	}},
	{"plan of a job of 10", workEvery, func(ctx context.Context, w *world) error {
		j := newJob(watched, api.JobTypeService, 10)
		j.TaskGroups[0].Tasks[0].Env = map[string]string{"VERSION": "next"}
		_, err := w.server.Client.Jobs.Plan(ctx, j, true)
		return err
	}},
}

// status is what the command job status asks, as it does: first which job is meant, then
// all that is shown of it at once.
func (w *world) status(ctx context.Context, job string) error {
	jobs, q := w.server.Client.Jobs, client.Query{}
	if _, _, err := jobs.List(ctx, client.Query{Prefix: job}); err != nil {
		return err
	}
	var asking errgroup.Group
	asking.Go(func() error { _, _, err := jobs.Get(ctx, job, q); return err })
	asking.Go(func() error { _, _, err := jobs.Summary(ctx, job, q); return err })
	asking.Go(func() error { _, _, err := jobs.Evaluations(ctx, job, q); return err })
	asking.Go(func() error { _, _, err := jobs.LatestDeployment(ctx, job, q); return err })
	asking.Go(func() error { _, _, err := jobs.Allocations(ctx, job, false, q); return err })
	return asking.Wait()
}

func ignoreMissing(err error) error {
	if errors.Is(err, api.ErrNotFound) {
		return nil
	}
	return err
}

// operator asks questions, and times the answers, while other things happen.
type operator struct {
	world   *world
	stop    context.CancelFunc
	working sync.WaitGroup

	answers []fleet.Latencies // by question; the last one is for events
	before  [][]int64         // counts of answers when the scene began

	mu       sync.Mutex // guards what follows
	evals    map[string]sighting
	failures map[string]int
}

// sighting is what is known of an evaluation: when it was asked for, and when its
// first event was read.
type sighting struct {
	asked, seen time.Time
	counted     bool
}

const (
	askEvery  = 100 * time.Millisecond
	workEvery = 500 * time.Millisecond // for what is more than reading
	event     = "event stream: a look at a job is asked for, and its event is read"
)

// newOperator submits a job of 10 and begins to ask.
func newOperator(ctx context.Context, w *world) (*operator, error) {
	if err := w.submit(ctx, newJob(watched, api.JobTypeService, 10)); err != nil {
		return nil, err
	}
	if err := w.until(ctx, "a first job to run", func(h headcount) (bool, error) { return h.Stored >= 10, nil }); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	o := &operator{
		world: w, stop: stop, evals: map[string]sighting{}, failures: map[string]int{},
		answers: make([]fleet.Latencies, len(questions)+1),
	}
	for n, q := range questions {
		o.working.Go(func() { o.repeat(ctx, q.name, q.every, &o.answers[n], func() error { return q.ask(ctx, w) }) })
	}
	o.working.Go(func() { o.follow(ctx) })
	o.working.Go(func() { o.repeat(ctx, event, workEvery, nil, func() error { return o.evaluate(ctx) }) })
	return o, nil
}

// repeat does something again and again, that often or as often as it can be done.
func (o *operator) repeat(ctx context.Context, name string, every time.Duration, times *fleet.Latencies, do func() error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		start := time.Now()
		err := do()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			o.failed(name, err)
		case times != nil:
			times.Add(time.Since(start))
		}
	}
}

func (o *operator) failed(name string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failures[name+": "+err.Error()]++
}

// evaluate asks for a look at the watched job. Its event may come before the answer.
func (o *operator) evaluate(ctx context.Context) error {
	start := time.Now()
	r, err := o.world.server.Client.Jobs.Evaluate(ctx, watched, false, client.Query{})
	if err != nil {
		return err
	}
	o.note(r.EvalID, func(e *sighting) { e.asked = start })
	return nil
}

// follow reads the events of the watched job's evaluations.
func (o *operator) follow(ctx context.Context) {
	q := client.Query{Params: map[string]string{"topic": "Evaluation:" + watched}}
	for ctx.Err() == nil {
		err := o.world.server.Client.Events.Follow(ctx, 0, q, func(es api.Events) error {
			for _, e := range es.Events {
				o.note(e.Key, func(e *sighting) { e.seen = time.Now() })
			}
			return nil
		})
		if ctx.Err() == nil {
			o.failed(event, errors.Join(errors.New("the stream ended"), err))
		}
	}
}

// note notes one of the things that are known of an evaluation. The second completes
// the measurement; later events of the same one count no more.
func (o *operator) note(eval string, what func(*sighting)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.evals[eval]
	if e.counted {
		return
	}
	what(&e)
	if !e.asked.IsZero() && !e.seen.IsZero() {
		o.answers[len(questions)].Add(e.seen.Sub(e.asked))
		e.counted = true
	}
	o.evals[eval] = e
}

// begin begins a scene.
func (o *operator) begin() {
	o.before = o.before[:0]
	for n := range o.answers {
		o.before = append(o.before, o.answers[n].Counts())
	}
}

// print says how long the answers took in a scene.
func (o *operator) print(to io.Writer) {
	fmt.Fprintln(to, "  meanwhile, for an operator:")
	for n := range o.answers {
		name := event
		if n < len(questions) {
			name = questions[n].name
		}
		counts, total := o.answers[n].Counts(), int64(0)
		for class := range counts {
			counts[class] -= o.before[n][class]
			total += counts[class]
		}
		fmt.Fprintf(to, "    %-68s %5d times: %s\n", name, total, percentiles(counts))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for why, times := range o.failures {
		fmt.Fprintf(to, "    FAILED %d times: %s\n", times, why)
	}
	clear(o.failures)
}

// leave stops asking.
func (o *operator) leave() {
	o.stop()
	o.working.Wait()
}
