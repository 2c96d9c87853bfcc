package api

import (
	"strings"
)

// KindDefinition makes a kind of objects that drover itself does not know: a
// Resource of that kind is accepted when the schema passes its Spec.
type KindDefinition struct {
	ObjectMeta  `msg:"-"`
	Name        string // lower case: letters, digits and underscores, 1 to 63
	Scope       string // KindNamespaced or KindCluster
	Description string
	// Schema is the JSON Schema of the Spec of objects of the kind: an object schema.
	Schema Values
	// Pending is a schema that is about to replace Schema, or, if it passes nothing,
	// the end of the kind. Until it is known whether all objects pass it, new ones
	// must pass both.
	Pending Values `json:",omitempty"`
}

// The scopes of a kind.
const (
	KindNamespaced = "namespaced" // every object is in a namespace
	KindCluster    = "cluster"    // objects are in no namespace
)

// Key implements Object.
func (d *KindDefinition) Key() Key {
	if d == nil {
		return Key{Kind: KindKindDefinition}
	}
	return KindDefinitionKey(d.Name)
}

// KindDefinitionKey returns the key of the definition of a kind.
func KindDefinitionKey(name string) Key { return Key{Kind: KindKindDefinition, ID: name} }

// Resource is an object of an author-defined kind.
type Resource struct {
	ObjectMeta `msg:"-"`
	Kind       Kind
	Namespace  string // empty if the kind has the scope of the cluster
	Name       string
	Spec       Values // what is wanted, by users; the kind's schema passes it

	// Status is what a controller says of it. It is a ResourceStatus in the store, and
	// joined in at the HTTP edge with the index at which it was last written.
	Status      Values `json:",omitempty" msg:"-"`
	StatusIndex uint64 `json:",omitempty" msg:"-"`
}

// Key implements Object.
func (r *Resource) Key() Key {
	if r == nil {
		return Key{}
	}
	return Key{Kind: r.Kind, Namespace: r.Namespace, ID: r.Name}
}

// ResourceStatus is what a controller says of a Resource. It is of a kind of its own,
// StatusKind(Kind), so that reports never conflict with what users write.
type ResourceStatus struct {
	ObjectMeta `msg:"-"`
	Kind       Kind // of the Resource
	Namespace  string
	Name       string
	Status     Values
}

// Key implements Object.
func (s *ResourceStatus) Key() Key {
	if s == nil {
		return Key{}
	}
	return Key{Kind: StatusKind(s.Kind), Namespace: s.Namespace, ID: s.Name}
}

const statusSuffix = ".status"

// StatusKind returns the kind of the statuses of an author-defined kind.
func StatusKind(k Kind) Kind { return k + statusSuffix }

// JoinResource returns a resource as the HTTP API shows it. status may be nil.
func JoinResource(r *Resource, status *ResourceStatus) *Resource {
	if status == nil {
		return r
	}
	out := *r
	out.Status, out.StatusIndex = status.Status, status.ModifyIndex
	return &out
}

// AuthorKind reports whether a kind is of the form of author-defined ones, or of their
// statuses: the kinds of drover itself are capitalized.
func AuthorKind(k Kind) bool {
	return validKindName(strings.TrimSuffix(string(k), statusSuffix))
}

// newAuthored returns an empty object of an author-defined kind or of its status.
func newAuthored(k Kind) Object {
	if of, ok := strings.CutSuffix(string(k), statusSuffix); ok {
		return &ResourceStatus{Kind: Kind(of)}
	}
	return &Resource{Kind: k}
}

const maxKindName = 63

func validKindName(name string) bool {
	if name == "" || len(name) > maxKindName || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
