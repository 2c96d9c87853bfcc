package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/jobspec"
	"github.com/droverhq/drover/kindspec"
)

// manifests are the definitions of kinds, and the objects of them, of some files.
type manifests struct {
	definitions []*api.KindDefinition
	resources   []writtenResource
}

// writtenResource is an object of an author-defined kind as a file has it.
type writtenResource struct {
	*api.Resource
	path   string
	blocks bool // see jobspec.Manifest
}

func (m *manifests) read(options jobspec.ParseOptions) error {
	parsed, err := jobspec.ParseManifest(options)
	if err != nil {
		return fmt.Errorf("%s:\n%w", options.Path, err)
	}
	m.definitions = append(m.definitions, parsed.Definitions...)
	for _, r := range parsed.Resources {
		m.resources = append(m.resources, writtenResource{r, options.Path, parsed.Blocks})
	}
	return nil
}

// kinds applies definitions, then objects. What fails does not keep the others back.
func (a *applier) kinds(ctx context.Context, m *manifests) error {
	var failed []error
	for _, d := range m.definitions {
		before := writtenAt(a.cl.Kinds.Get(ctx, d.Name, client.Query{}))
		_, err := a.cl.Kinds.Define(ctx, d)
		if err == nil {
			a.applied(fmt.Sprintf("kind %q", d.Name), before, writtenAt(a.cl.Kinds.Get(ctx, d.Name, client.Query{})))
		}
		failed = append(failed, wrapf(err, "kind %q", d.Name))
	}
	if err := errors.Join(failed...); err != nil {
		return err // objects of these kinds would be judged by an old definition
	}
	for _, r := range m.resources {
		failed = append(failed, wrapf(a.resource(ctx, r), "%s: %s %q", r.path, r.Kind, r.Name))
	}
	return errors.Join(failed...)
}

func wrapf(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

func (a *applier) resource(ctx context.Context, r writtenResource) error {
	d, _, err := a.cl.Kinds.Get(ctx, string(r.Kind), client.Query{})
	if errors.Is(err, api.ErrNotFound) {
		return fmt.Errorf("there is no such kind: apply a kind_definition %q first", r.Kind)
	}
	if err != nil {
		return err
	}
	if d.Scope == api.KindNamespaced {
		r.Namespace = cmp.Or(r.Namespace, a.cl.Namespace())
	}
	if r.blocks {
		schema, err := kindspec.Compile(d.Schema)
		if err != nil {
			return err
		}
		if r.Spec, err = schema.Shape(r.Spec); err != nil {
			return err
		}
	}
	q := client.Query{Namespace: r.Namespace}
	before := writtenAt(a.cl.Resources.Get(ctx, r.Kind, r.Name, q))
	if _, err := a.cl.Resources.Put(ctx, r.Resource); err != nil {
		return err
	}
	a.applied(fmt.Sprintf("%s %q", r.Kind, r.Name), before, writtenAt(a.cl.Resources.Get(ctx, r.Kind, r.Name, q)))
	return nil
}

// applied prints what became of something that was written before and after at these
// indexes.
func (a *applier) applied(what string, before, after uint64) {
	switch {
	case before == after:
		fmt.Fprintf(a.Out, "%s is unchanged\n", what)
	case before == 0:
		fmt.Fprintf(a.Out, "%s created (index %d)\n", what, after)
	default:
		fmt.Fprintf(a.Out, "%s changed (index %d)\n", what, after)
	}
}

// writtenAt is when an object that was read was last written; 0 if it could not be read.
func writtenAt[T api.Object](o T, _ api.QueryMeta, err error) uint64 {
	if err != nil {
		return 0
	}
	_, modify := o.Indexes()
	return modify
}
