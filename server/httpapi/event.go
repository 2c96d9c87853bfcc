package httpapi

import (
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
)

// eventKinds says which kinds of objects the events of a topic come from.
var eventKinds = map[string][]api.Kind{
	topicJob:        {api.KindJob},
	topicEvaluation: {api.KindEvaluation},
	topicAllocation: {api.KindAllocation, api.KindAllocationStatus},
	topicDeployment: {api.KindDeployment},
	topicNode:       {api.KindNode, api.KindNodeIntent, api.KindNodeStatus},
	topicNodePool:   {api.KindNodePool},
}

// subscription says which events a stream shows.
type subscription struct {
	topics    map[string][]string // the keys, or *, by topic, or *
	namespace string              // "" for all
}

// newSubscription reads ?topic=, which may be given several times: Job, Job:shop,
// Allocation:*, *.
func newSubscription(c *call) subscription {
	s := subscription{topics: map[string][]string{}, namespace: c.namespaces()}
	for _, t := range c.query["topic"] {
		topic, key, ok := strings.Cut(t, ":")
		if !ok || key == "" {
			key = "*"
		}
		s.topics[topic] = append(s.topics[topic], key)
	}
	if len(s.topics) == 0 {
		s.topics["*"] = []string{"*"}
	}
	return s
}

// kinds returns the kinds whose changes the subscription is about.
func (s subscription) kinds() []api.Kind {
	var all []api.Kind
	for topic, kinds := range eventKinds {
		if _, ok := s.topics["*"]; ok {
			all = append(all, kinds...)
		} else if _, ok := s.topics[topic]; ok {
			all = append(all, kinds...)
		}
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
	var e pending
	switch o := object.(type) {
	case *api.Job:
		e = jobEvent(o, c.New == nil)
	case *api.Evaluation:
		e = pending{
			Event: api.Event{
				Topic: topicEvaluation, Type: "EvaluationUpdated", Key: o.ID, Namespace: o.Namespace,
				FilterKeys: filterKeys(o.JobID, o.DeploymentID),
			},
			payload: func(*view) any { return api.JoinEvaluation(o) },
		}
	case *api.Deployment:
		e = pending{
			Event: api.Event{
				Topic: topicDeployment, Type: deploymentEventType(c), Key: o.ID, Namespace: o.Namespace,
				FilterKeys: filterKeys(o.JobID),
			},
			payload: func(*view) any { return o },
		}
	case *api.Allocation:
		e = allocationEvent(o, allocationEventType(c))
	case *api.AllocationStatus:
		a, ok := store.Get[*api.Allocation](s, api.Key{Kind: api.KindAllocation, ID: o.ID})
		if !ok {
			return e, false
		}
		e = allocationEvent(a, "AllocationUpdated")
	case *api.Node:
		e = nodeEvent(o, nodeEventType(c))
	case *api.NodeIntent, *api.NodeStatus:
		n, ok := store.Get[*api.Node](s, api.Key{Kind: api.KindNode, ID: object.Key().ID})
		if !ok {
			return e, false
		}
		e = nodeEvent(n, nodeEventType(c))
	case *api.NodePool:
		e = pending{
			Event:   api.Event{Topic: topicNodePool, Type: "NodePoolUpserted", Key: o.Name},
			payload: func(*view) any { return o },
		}
		if c.New == nil {
			e.Type = "NodePoolDeleted"
		}
	default:
		return e, false
	}
	ended := c.New == nil && (e.Topic == topicEvaluation || e.Topic == topicAllocation || e.Topic == topicDeployment)
	e.Index = c.Index
	return e, !ended // what gc removes has ended before
}

func filterKeys(keys ...string) []string {
	return slices.DeleteFunc(keys, func(k string) bool { return k == "" })
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
