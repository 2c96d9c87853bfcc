package httpapi

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

func kindEvent(d *api.KindDefinition, deleted bool) pending {
	e := pending{
		Event:   api.Event{Topic: topicKind, Type: "KindDefined", Key: d.Name},
		payload: func(*view) any { return d },
	}
	if deleted {
		e.Type = "KindDeleted"
	}
	return e
}

// resourceEvent is an event of an object of an author-defined kind; r may be nil.
func resourceEvent(r *api.Resource, eventType string) pending {
	if r == nil {
		return pending{}
	}
	return pending{
		Event:   api.Event{Topic: string(r.Kind), Type: eventType, Key: r.Name, Namespace: r.Namespace},
		payload: func(v *view) any { return joinResource(v.s, r) },
	}
}

func resourceEventType(c store.Change) string {
	_, ofStatus := c.New.(*api.ResourceStatus)
	switch {
	case c.New == nil:
		return "ResourceDeleted"
	case ofStatus:
		return "ResourceStatusUpdated"
	}
	return "ResourceUpdated"
}

// resourceKeyOf is the key of the object that a status is of.
func resourceKeyOf(s *api.ResourceStatus) api.Key {
	return api.Key{Kind: s.Kind, Namespace: s.Namespace, ID: s.Name}
}
