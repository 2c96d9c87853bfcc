package jobspec

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/droverhq/drover/api"
)

// tidy removes what says nothing: null elements of lists and maps, and lists and
// maps without elements. So two jobs that mean the same are the same.
func tidy(job *api.Job) { tidyValue(reflect.ValueOf(job)) }

func tidyValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			tidyValue(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Field(i)
			if field.Type() != valuesType { // what a driver gets is its own affair
				tidyValue(field)
			} else if field.Len() == 0 {
				field.SetZero()
			}
		}
	case reflect.Slice:
		tidySlice(v)
	case reflect.Map:
		tidyMap(v)
	}
}

func tidySlice(v reflect.Value) {
	if v.Len() == 0 {
		v.SetZero()
		return
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return
	}
	kept := v.Slice(0, 0)
	for i := range v.Len() {
		element := v.Index(i)
		if element.Kind() == reflect.Pointer && element.IsNil() {
			continue
		}
		tidyValue(element)
		kept = reflect.Append(kept, element)
	}
	v.Set(kept)
	if kept.Len() == 0 {
		v.SetZero()
	}
}

func tidyMap(v reflect.Value) {
	for _, key := range v.MapKeys() {
		element := v.MapIndex(key)
		if element.Kind() == reflect.Pointer && element.IsNil() {
			v.SetMapIndex(key, reflect.Value{})
			continue
		}
		if element.Kind() == reflect.Pointer {
			tidyValue(element)
		}
	}
	if v.Len() == 0 {
		v.SetZero()
	}
}

// modernize rewrites older forms, and says which it met.
func modernize(job *api.Job) (warnings []string) {
	for _, group := range job.TaskGroups {
		warnings = append(warnings, modernizeDisconnect(group)...)
		for _, task := range group.Tasks {
			if task.Resources == nil || len(task.Resources.Networks) == 0 {
				continue
			}
			warnings = append(warnings, fmt.Sprintf("group %q, task %q: %s", api.Deref(group.Name), task.Name, warningTaskNetwork))
			for _, network := range task.Resources.Networks {
				adoptNetwork(group, network)
			}
			task.Resources.Networks = nil
		}
		for _, network := range group.Networks {
			if network.MBits != nil {
				warnings = append(warnings, fmt.Sprintf("group %q: %s", api.Deref(group.Name), warningMBits))
				network.MBits = nil
			}
		}
	}
	return slices.Compact(warnings)
}

// adoptNetwork gives a network of a task to its group. A group has one network, so
// the ports of a further one are added to it.
func adoptNetwork(group *api.TaskGroup, network *api.NetworkResource) {
	if len(group.Networks) == 0 {
		group.Networks = []*api.NetworkResource{network}
		return
	}
	first := group.Networks[0]
	first.ReservedPorts = append(first.ReservedPorts, network.ReservedPorts...)
	first.DynamicPorts = append(first.DynamicPorts, network.DynamicPorts...)
	if first.MBits == nil {
		first.MBits = network.MBits
	}
}

// modernizeDisconnect gives the older attributes of a group to its disconnect block.
// What the block says itself prevails.
func modernizeDisconnect(group *api.TaskGroup) (warnings []string) {
	adopt := func(older, newer string) *api.DisconnectStrategy {
		warnings = append(warnings, fmt.Sprintf("group %q: %s is an older form; write disconnect { %s }", api.Deref(group.Name), older, newer))
		if group.Disconnect == nil {
			group.Disconnect = new(api.DisconnectStrategy)
		}
		return group.Disconnect
	}
	if d := group.MaxClientDisconnect; d != nil {
		setDefault(&adopt("max_client_disconnect", fmt.Sprintf("lost_after = %q", d)).LostAfter, *d)
		group.MaxClientDisconnect = nil
	}
	if d := group.StopAfterClientDisconnect; d != nil {
		setDefault(&adopt("stop_after_client_disconnect", fmt.Sprintf("stop_on_client_after = %q", d)).StopOnClientAfter, *d)
		group.StopAfterClientDisconnect = nil
	}
	if api.Deref(group.PreventRescheduleOnLost) {
		setDefault(&adopt("prevent_reschedule_on_lost", "replace = false").Replace, false)
		group.PreventRescheduleOnLost = new(false)
	}
	return warnings
}
