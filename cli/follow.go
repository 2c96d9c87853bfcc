package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

const (
	// followWait is how long one waits for news of allocations before looking at the
	// rest, too.
	followWait = time.Second
	// serverPatience is how long a server may be unreachable, as when it is restarted,
	// before one stops following.
	serverPatience = 30 * time.Second
	// firstReminder is after how long without news it is said what is waited for; the
	// time doubles with every reminder.
	firstReminder = 30 * time.Second
)

// follower follows one job until there is nothing more to wait for.
type follower struct {
	*applier
	id     string
	query  client.Query
	evalID string // of the submission; empty if nothing was submitted
	index  uint64 // the job's modify index that is followed
	show   *progressLine
	told   map[string]bool // what was said of allocations
}

// follow shows a job's progress until it is healthy, complete, or held back by others
// (nil), has failed, or can't be placed (exit code 2).
func (a *applier) follow(ctx context.Context, job *parsedJob, evalID string, index uint64) error {
	if a.detach {
		return nil
	}
	id := api.Deref(job.Job.ID)
	a.resume = fmt.Sprintf(": job %q was submitted and goes on without this command\nSee: drover job status %s", id, id)
	f := &follower{
		applier: a, id: id, query: client.Query{Namespace: api.Deref(job.Job.Namespace)}, evalID: evalID, index: index,
		show: &progressLine{cli: a.cli}, told: map[string]bool{},
	}
	defer f.show.end()
	return f.run(ctx)
}

func (f *follower) run(ctx context.Context) error {
	quiet := &reminder{every: firstReminder, last: time.Now()}
	answered := time.Now()
	var failed error
	for {
		p, err := f.look(ctx)
		switch {
		case err != nil && (ctx.Err() != nil || !passing(err) || time.Since(answered) > serverPatience):
			return fmt.Errorf("follow job %q: %w", f.id, err)
		case err != nil:
			if failed == nil {
				f.say("the server does not answer; trying for %s: %v", serverPatience, err)
			}
			if failed = err; !pause(ctx, followWait) {
				return ctx.Err()
			}
			continue
		}
		answered, failed = time.Now(), nil
		done, err := p.verdict(f.ids)
		if f.show.set(p.text()) {
			quiet.reset(time.Now())
		}
		f.tell(p)
		if held := p.held(); held != "" && !done && !f.wait {
			f.say("%s\n  It begins by itself then; until now nothing of it runs. To follow it: drover apply -wait, or drover job status %s", held, f.id)
			return nil
		}
		if done {
			f.show.end()
			if text := p.promotionText(); text != "" && err == nil {
				f.say("%s", text)
			}
			return f.withOutput(ctx, p, err)
		}
		if waited := quiet.due(time.Now()); waited > 0 {
			f.say("still waiting after %s: %s", brief(waited), p.waitsFor())
		}
		if err := f.news(ctx, p); err != nil && !passing(err) {
			return fmt.Errorf("follow job %q: %w", f.id, err)
		}
	}
}

// passing reports whether an error may go away by itself, as when a server restarts.
func passing(err error) bool {
	var status *client.StatusError
	return !errors.As(err, &status) || status.Code >= 500 && status.Code != 501
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// look reads how the job does. The allocations come last: they are at least as new as
// what is said of the job, so that none counts as running that the job's end is due to.
func (f *follower) look(ctx context.Context) (*progress, error) {
	p := &progress{followed: f.index}
	var errs [5]error
	var meta api.QueryMeta
	p.job, _, errs[0] = f.cl.Jobs.Get(ctx, f.id, f.query)
	p.summary, _, errs[1] = f.cl.Jobs.Summary(ctx, f.id, f.query)
	p.evals, _, errs[2] = f.cl.Jobs.Evaluations(ctx, f.id, f.query)
	p.deployments, _, errs[3] = f.cl.Jobs.Deployments(ctx, f.id, f.query)
	p.allocs, meta, errs[4] = f.cl.Jobs.Allocations(ctx, f.id, false, f.query)
	p.index = meta.LastIndex
	for _, e := range p.evals {
		if e.ID == f.evalID {
			p.eval = e
		}
	}
	return p, errors.Join(errs[:]...)
}

// news waits until something about the job may have changed.
func (f *follower) news(ctx context.Context, p *progress) error {
	q := f.query
	q.WaitTime = followWait
	if e := p.pending(); e != nil {
		q.WaitIndex = e.ModifyIndex
		_, _, err := f.cl.Evaluations.Get(ctx, e.ID, q)
		return err
	}
	q.WaitIndex = p.index
	_, _, err := f.cl.Jobs.Allocations(ctx, f.id, false, q)
	return err
}

// say prints a line below the progress so far.
func (f *follower) say(format string, args ...any) {
	f.show.end()
	fmt.Fprintf(f.Out, "  "+format+"\n", args...)
	f.show.shown = ""
}

// maxTold is how many failures of allocations are told one by one.
const maxTold = 10

// tell says once of each allocation that it failed, while others are waited for.
func (f *follower) tell(p *progress) {
	for _, a := range p.allocs {
		if !p.current(a) || f.told[a.ID] || len(f.told) >= maxTold || !inTrouble(a) {
			continue
		}
		f.told[a.ID] = true
		f.say("allocation %s (%s): %s", f.ids.of(a.ID), a.Name, lastWords(a))
	}
}

// maxOutput is how much of a failed task's output is shown, in bytes.
const maxOutput = 600

// withOutput adds to a failure what the failed task last wrote to its standard error.
func (f *follower) withOutput(ctx context.Context, p *progress, err error) error {
	if err == nil {
		return nil
	}
	alloc, task := p.culprit()
	if alloc == nil {
		return err
	}
	var text strings.Builder
	query := client.LogQuery{Task: task, Stderr: true, FromEnd: true, Offset: maxOutput}
	if f.cl.Files.Logs(ctx, alloc.ID, query, f.query, &text) != nil || strings.TrimSpace(text.String()) == "" {
		return err // the failure itself matters more than that its output can't be had
	}
	_, whole, cut := strings.Cut(text.String(), "\n")
	if !cut || text.Len() < maxOutput {
		whole = text.String()
	}
	return fmt.Errorf("%w\nThe end of what task %s of %s wrote to standard error:\n  | %s",
		err, task, f.ids.of(alloc.ID), strings.ReplaceAll(strings.TrimSpace(whole), "\n", "\n  | "))
}

// reminder says when it is time to say again what is waited for.
type reminder struct {
	last  time.Time // when there was news
	every time.Duration
}

func (r *reminder) reset(now time.Time) { r.last, r.every = now, firstReminder }

// due returns how long there was no news, or 0 if it is not time yet.
func (r *reminder) due(now time.Time) time.Duration {
	waited := now.Sub(r.last)
	if waited < r.every {
		return 0
	}
	r.every *= 2
	return waited
}

// progressLine shows a line that changes: drawn over on a terminal, otherwise
// printed anew when it has changed.
type progressLine struct {
	*cli
	shown string
	open  bool
}

// set shows text and reports whether it is news.
func (l *progressLine) set(text string) bool {
	if text == l.shown {
		return false
	}
	l.shown = text
	if !l.Terminal {
		fmt.Fprintln(l.Out, text)
		return true
	}
	if runes, width := []rune(text), l.width(); len(runes) >= width {
		text = string(runes[:width-1]) // a wrapped line can't be drawn over
	}
	fmt.Fprintf(l.Out, "\r\x1b[K%s", text)
	l.open = true
	return true
}

func (l *progressLine) width() int {
	const usual = 80
	if l.Columns != nil {
		if n := l.Columns(); n > 1 {
			return n
		}
	}
	return usual
}

// end leaves the line standing, in full.
func (l *progressLine) end() {
	if l.open {
		fmt.Fprintf(l.Out, "\r\x1b[K%s\n", l.shown)
		l.open = false
	}
}
