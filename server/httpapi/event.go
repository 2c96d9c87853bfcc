package httpapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Topics of events.
const (
	topicJob        = "Job"
	topicEvaluation = "Evaluation"
	topicAllocation = "Allocation"
	topicDeployment = "Deployment"
	topicNode       = "Node"
	topicNodePool   = "NodePool"
	topicKind       = "KindDefinition"
)

// eventKinds says which kinds of objects the events of a topic come from.
var eventKinds = map[string][]api.Kind{
	topicJob:        {api.KindJob},
	topicEvaluation: {api.KindEvaluation},
	topicAllocation: {api.KindAllocation, api.KindAllocationStatus},
	topicDeployment: {api.KindDeployment},
	topicNode:       {api.KindNode, api.KindNodeIntent, api.KindNodeStatus},
	topicNodePool:   {api.KindNodePool},
	topicKind:       {api.KindKindDefinition},
}

// subscription says which events a stream shows.
type subscription struct {
	topics    map[string][]string // the keys, or *, by topic, or *
	namespace string              // "" for all
}

// otherTopics are those of the reference that have no events here.
var otherTopics = []string{
	"ACLAuthMethod", "ACLBindingRule", "ACLPolicy", "ACLRole", "ACLToken", "CSIPlugin", "CSIVolume", "HostVolume", "Operator", "Service",
}

// newSubscription reads ?topic=, which may be given several times: Job, Job:shop,
// Allocation:*, *. An author-defined kind is a topic of that name.
func newSubscription(c *call) (subscription, error) {
	s := subscription{topics: map[string][]string{}, namespace: c.namespaces()}
	for _, t := range c.query["topic"] {
		topic, key, ok := strings.Cut(t, ":")
		if !ok || key == "" {
			key = "*"
		}
		switch _, known := eventKinds[topic]; {
		case slices.Contains(otherTopics, topic):
			return s, notSupported("events of the topic %s", topic)
		case !known && topic != "*" && !authored(c.api.store.Snapshot(), topic):
			return s, malformed("there is no topic %q; there are %s, author-defined kinds, and *", topic, strings.Join(slices.Sorted(maps.Keys(eventKinds)), ", "))
		}
		s.topics[topic] = append(s.topics[topic], key)
	}
	if len(s.topics) == 0 {
		s.topics["*"] = []string{"*"}
	}
	return s, nil
}

// authored reports whether a topic is a kind that somebody defined.
func authored(s store.Snapshot, topic string) bool {
	_, ok := s.Get(api.KindDefinitionKey(topic))
	return ok
}

// kinds returns the kinds whose changes the subscription is about; none for all.
func (s subscription) kinds() []api.Kind {
	if _, ok := s.topics["*"]; ok {
		return nil // kinds may be defined later
	}
	var all []api.Kind
	for topic := range s.topics {
		if known, ok := eventKinds[topic]; ok {
			all = append(all, known...)
			continue
		}
		all = append(all, api.Kind(topic), api.StatusKind(api.Kind(topic)))
	}
	return all
}

// wants reports whether an event is to be shown.
func (s subscription) wants(e *api.Event) bool {
	if s.namespace != "" && e.Namespace != "" && e.Namespace != s.namespace {
		return false
	}
	for _, topic := range []string{e.Topic, "*"} {
		for _, key := range s.topics[topic] {
			if key == "*" || key == e.Key || slices.Contains(e.FilterKeys, key) {
				return true
			}
		}
	}
	return false
}

// pending is an event whose payload is made only if somebody wants it.
type pending struct {
	api.Event
	payload func(v *view) any
}

// eventOf returns the event that a change is, or false if it is none.
func eventOf(s store.Snapshot, c store.Change) (pending, bool) {
	object := c.New
	if object == nil {
		object = c.Old
	}
	e, ok := describe(s, c, object)
	e.Index = c.Index
	// What gc removes has ended before.
	ended := c.New == nil && (e.Topic == topicEvaluation || e.Topic == topicAllocation || e.Topic == topicDeployment)
	return e, ok && !ended
}

// describe says what happened to an object, or false if that is no event.
func describe(s store.Snapshot, c store.Change, object api.Object) (pending, bool) {
	switch o := object.(type) {
	case *api.Job:
		return jobEvent(o, c.New == nil), true
	case *api.Evaluation:
		return evaluationEvent(o), true
	case *api.Deployment:
		return deploymentEvent(o, deploymentEventType(c)), true
	case *api.Allocation:
		return allocationEvent(o, allocationEventType(c)), true
	case *api.AllocationStatus:
		a, ok := store.Get[*api.Allocation](s, api.Key{Kind: api.KindAllocation, ID: o.ID})
		if !ok {
			return pending{}, false
		}
		return allocationEvent(a, "AllocationUpdated"), true
	case *api.Node:
		return nodeEvent(o, nodeEventType(c)), true
	case *api.NodeIntent, *api.NodeStatus:
		n, ok := store.Get[*api.Node](s, api.Key{Kind: api.KindNode, ID: object.Key().ID})
		if !ok {
			return pending{}, false
		}
		return nodeEvent(n, nodeEventType(c)), true
	case *api.NodePool:
		return poolEvent(o, c.New == nil), true
	case *api.KindDefinition:
		return kindEvent(o, c.New == nil), true
	case *api.Resource:
		return resourceEvent(o, resourceEventType(c)), true
	case *api.ResourceStatus:
		r := get[*api.Resource](s, resourceKeyOf(o))
		return resourceEvent(r, resourceEventType(c)), r != nil
	}
	return pending{}, false
}

func filterKeys(keys ...string) []string {
	keys = slices.DeleteFunc(keys, func(k string) bool { return k == "" })
	if len(keys) == 0 {
		return nil
	}
	return keys
}

func jobEvent(j *api.Job, deleted bool) pending {
	e := pending{
		Event: api.Event{
			Topic: topicJob, Type: "JobRegistered", Key: api.Deref(j.ID), Namespace: api.Deref(j.Namespace),
			FilterKeys: filterKeys(api.Deref(j.ParentID)),
		},
		payload: func(v *view) any { return v.join(j) },
	}
	if deleted || j.Stopped() {
		e.Type = "JobDeregistered"
	}
	return e
}

func evaluationEvent(e *api.Evaluation) pending {
	return pending{
		Event: api.Event{
			Topic: topicEvaluation, Type: "EvaluationUpdated", Key: e.ID, Namespace: e.Namespace,
			FilterKeys: filterKeys(e.JobID, e.DeploymentID),
		},
		payload: func(*view) any { return api.JoinEvaluation(e) },
	}
}

func deploymentEvent(d *api.Deployment, eventType string) pending {
	return pending{
		Event: api.Event{
			Topic: topicDeployment, Type: eventType, Key: d.ID, Namespace: d.Namespace, FilterKeys: filterKeys(d.JobID),
		},
		payload: func(*view) any { return d },
	}
}

func poolEvent(p *api.NodePool, deleted bool) pending {
	e := pending{
		Event:   api.Event{Topic: topicNodePool, Type: "NodePoolUpserted", Key: p.Name},
		payload: func(*view) any { return p },
	}
	if deleted {
		e.Type = "NodePoolDeleted"
	}
	return e
}

func allocationEvent(a *api.Allocation, eventType string) pending {
	return pending{
		Event: api.Event{
			Topic: topicAllocation, Type: eventType, Key: a.ID, Namespace: a.Namespace,
			FilterKeys: filterKeys(a.JobID, a.DeploymentID),
		},
		payload: func(v *view) any {
			joined := v.allocation(a)
			joined.Job = nil // it would be most of the event
			return joined
		},
	}
}

// allocationEventType says what happened to what the servers want of an allocation.
func allocationEventType(c store.Change) string {
	was, _ := c.Old.(*api.Allocation)
	is, _ := c.New.(*api.Allocation)
	switch {
	case was == nil || is == nil || was.DesiredStatus != is.DesiredStatus:
		return "PlanResult"
	case was.DesiredTransition != is.DesiredTransition:
		return "AllocationUpdateDesiredStatus"
	default:
		return "DeploymentAllocHealth"
	}
}

func deploymentEventType(c store.Change) string {
	was, _ := c.Old.(*api.Deployment)
	is, _ := c.New.(*api.Deployment)
	switch {
	case was == nil || is == nil:
		return "PlanResult"
	case was.Status != is.Status:
		return "DeploymentStatusUpdate"
	default:
		return "DeploymentAllocHealth"
	}
}

func nodeEvent(n *api.Node, eventType string) pending {
	return pending{
		Event:   api.Event{Topic: topicNode, Type: eventType, Key: n.ID},
		payload: func(v *view) any { return v.node(n) },
	}
}

func nodeEventType(c store.Change) string {
	switch c.Key.Kind {
	case api.KindNodeStatus:
		return "NodeEvent"
	case api.KindNodeIntent:
		was, _ := c.Old.(*api.NodeIntent)
		is, _ := c.New.(*api.NodeIntent)
		if (was != nil && was.DrainStrategy != nil) != (is != nil && is.DrainStrategy != nil) {
			return "NodeDrain"
		}
		return "NodeEligibility"
	}
	if c.New == nil {
		return "NodeDeregistration"
	}
	return "NodeRegistration"
}
