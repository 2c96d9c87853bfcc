package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

const (
	// maxDispatchMeta is how many bytes the meta of a dispatch may have, keys and values
	// together. Tasks see it in their environment, where Linux takes 128 KiB in one
	// variable, with its name and the zero behind it.
	maxDispatchMeta = 128<<10 - len("NOMAD_META_=\x00")
	// maxDispatchWord is how many bytes an idempotency token, or the part that a caller
	// gives of a child's ID, may have.
	maxDispatchWord = 256
)

// dispatch is a request for a child of a parameterized job.
type dispatch struct {
	api.JobDispatchRequest
	namespace, job string
	token          string // idempotency; may be empty
	maxPayload     int
}

// errDispatched ends the planning of a dispatch whose token was used before.
var errDispatched = errors.New("a child was dispatched with this token")

// dispatchJob is PUT /v1/job/ID/dispatch.
func dispatchJob(c *call) error {
	d := dispatch{maxPayload: c.api.limits.MaxPayload}
	if err := c.decode(&d.JobDispatchRequest); err != nil {
		return err
	}
	d.namespace, d.job = c.jobOf()
	d.token = c.query.Get("idempotency_token")
	if d.token == "" {
		d.token = c.http.Header.Get("Idempotency-Key")
	}
	if err := d.check(); err != nil {
		return err
	}
	var child *api.Job
	var eval *api.Evaluation
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (txn store.Txn, err error) {
		txn, child, eval, err = d.plan(s, c.api.now())
		return txn, err
	})
	out := api.JobDispatchResponse{JobCreateIndex: index, Index: index}
	switch {
	case errors.Is(err, errDispatched):
		out.JobCreateIndex, out.Index = api.Deref(child.CreateIndex), api.Deref(child.JobModifyIndex)
	case err != nil:
		return err
	case eval != nil:
		out.EvalID, out.EvalCreateIndex = eval.ID, index
	}
	out.DispatchedJobID = api.Deref(child.ID)
	c.indexHeader(out.Index)
	return c.answer(out)
}

// check looks at what is wrong with a dispatch whatever the job.
func (d *dispatch) check() error {
	meta := 0
	for key, value := range d.Meta {
		meta += len(key) + len(value)
	}
	switch {
	case meta > maxDispatchMeta:
		return wordedf(api.ErrTooLarge, "the meta of the dispatch has %d bytes; it may have %d. Larger input belongs into the payload", meta, maxDispatchMeta)
	case len(d.token) > maxDispatchWord:
		return malformed("the idempotency token has %d bytes; it may have %d", len(d.token), maxDispatchWord)
	case len(d.IDPrefixTemplate) > maxDispatchWord:
		return malformed("IdPrefixTemplate has %d bytes; it may have %d", len(d.IDPrefixTemplate), maxDispatchWord)
	case strings.ContainsFunc(d.IDPrefixTemplate, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return malformed("IdPrefixTemplate %q must not have spaces or control characters: it becomes part of the job's ID", d.IDPrefixTemplate)
	case d.Priority < 0 || d.Priority > api.MaxJobPriority:
		return malformed("Priority must be between 1 and %d, or 0 for that of the job", api.MaxJobPriority)
	}
	return nil
}

// plan returns the transaction that makes the child, with the evaluation by which it is
// taken up; that is nil for a child that is launched by the clock. With errDispatched
// the child is the one that there is.
func (d *dispatch) plan(s store.Snapshot, now time.Time) (store.Txn, *api.Job, *api.Evaluation, error) {
	parent := get[*api.Job](s, api.JobKey(d.namespace, d.job))
	if err := d.fits(parent); err != nil {
		return store.Txn{}, nil, nil, err
	}
	taken, err := takesJobs(s)
	if err != nil {
		return store.Txn{}, nil, nil, err
	}
	child, err := d.child(parent, now)
	if err != nil {
		return store.Txn{}, nil, nil, err
	}
	txn := store.Txn{
		Conditions: []store.Condition{store.Unchanged(parent), store.Absent(child.Key()), taken},
		Writes:     []store.Write{store.Put(child), store.Put(&api.JobVersion{Job: child})},
	}
	if d.token != "" {
		if made := d.remember(s, child, &txn); made != nil {
			return store.Txn{}, made, nil, errDispatched
		}
	}
	eval := registrationEval(child, api.TriggerJobRegister, 0, now)
	txn.Writes = append(txn.Writes, puts(eval)...)
	return txn, child, eval, nil
}

// remember lets a transaction hold only if nobody else dispatches with the same token,
// or returns the child that was dispatched with it. What a token made is forgotten with
// the child.
func (d *dispatch) remember(s store.Snapshot, child *api.Job, txn *store.Txn) *api.Job {
	token := &api.DispatchToken{
		Namespace: d.namespace, ID: api.DispatchTokenID(d.job, d.token), ChildID: api.Deref(child.ID),
	}
	if used := get[*api.DispatchToken](s, token.Key()); used == nil {
		txn.Conditions = append(txn.Conditions, store.Absent(token.Key()))
	} else if made := get[*api.Job](s, api.JobKey(d.namespace, used.ChildID)); made != nil {
		return made
	} else {
		txn.Conditions = append(txn.Conditions, store.Unchanged(used))
	}
	txn.Writes = append(txn.Writes, store.Put(token))
	return nil
}

// fits compares a dispatch with the job that it is of.
func (d *dispatch) fits(parent *api.Job) error {
	switch {
	case parent == nil:
		return wordedf(api.ErrNotFound, "parameterized job not found")
	case !parent.IsDispatchable():
		return malformed("Specified job %q is not a parameterized job", d.job)
	case parent.Stopped():
		return malformed("Specified job %q is stopped; run it again to dispatch it", d.job)
	}
	block := parent.ParameterizedJob
	switch {
	case block.Payload == "required" && len(d.Payload) == 0:
		return malformed("Payload is not provided but required by parameterized job")
	case block.Payload == "forbidden" && len(d.Payload) > 0:
		return malformed("Payload provided but forbidden by parameterized job")
	case len(d.Payload) > d.maxPayload:
		return wordedf(api.ErrTooLarge, "Payload exceeds maximum size; %d > %d. The servers' dispatch_payload_limit may be up to 1 MiB; what is larger is better fetched by the task",
			len(d.Payload), d.maxPayload)
	}
	var unknown, missing []string
	for _, key := range slices.Sorted(maps.Keys(d.Meta)) {
		if !slices.Contains(block.MetaRequired, key) && !slices.Contains(block.MetaOptional, key) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		return malformed("Dispatch request included unpermitted metadata keys: %v", unknown)
	}
	for _, key := range block.MetaRequired {
		if _, given := d.Meta[key]; !given {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		return malformed("Dispatch did not provide required meta keys: %v", missing)
	}
	return nil
}

// child returns the job that is dispatched. It keeps the parameterized block, by which
// its tasks know which meta they might have had.
func (d *dispatch) child(parent *api.Job, now time.Time) (*api.Job, error) {
	child, err := api.Clone(parent)
	if err != nil {
		return nil, err
	}
	prefix := d.IDPrefixTemplate
	if prefix != "" {
		prefix += "-"
	}
	id := fmt.Sprintf("%s/dispatch-%s%d-%s", d.job, prefix, now.Unix(), uuid.NewString()[:8])
	child.ID, child.Name, child.ParentID = &id, &id, parent.ID
	child.Dispatched = true
	child.DispatchIdempotencyToken = &d.token
	child.Payload = d.Payload
	if len(d.Meta) > 0 {
		child.Meta = maps.Clone(parent.Meta)
		if child.Meta == nil {
			child.Meta = map[string]string{}
		}
		maps.Copy(child.Meta, d.Meta)
	}
	if d.Priority > 0 {
		child.Priority = &d.Priority
	}
	child.Version, child.VersionTag = new(uint64(0)), nil
	child.SubmitTime, child.Stop = new(now.UnixNano()), new(false)
	child.SetIndexes(0, 0)
	return child, nil
}
