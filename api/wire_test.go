package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"sort"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/recorded"
)

// recordings says, by the number of the recording, what type its body is of.
var recordings = map[string]func() any{
	"001": func() any { return new(api.AgentSelf) },
	"002": func() any { return new(api.AgentHealth) },
	"003": func() any { return new(api.ServerMembers) },
	"008": func() any { return new([]api.NodeListStub) },
	"009": func() any { return new([]api.NodeListStub) },
	"010": func() any { return new(api.Node) },
	"011": func() any { return new([]api.NodePool) },
	"012": func() any { return new([]api.Namespace) },
	"021": func() any { return new(api.JobValidateResponse) },
	"022": func() any { return new(api.JobValidateResponse) },
	"024": func() any { return new(api.JobPlanResponse) },
	"025": func() any { return new(api.JobRegisterResponse) },
	"026": func() any { return new(api.Evaluation) },
	"028": func() any { return new([]api.Evaluation) },
	"029": func() any { return new([]api.JobListStub) },
	"034": func() any { return new([]api.JobStatusesStub) },
	"035": func() any { return new(api.Job) },
	"036": func() any { return new(api.JobVersionsResponse) },
	"037": func() any { return new(api.JobSummary) },
	"039": func() any { return new([]api.Evaluation) },
	"040": func() any { return new([]api.Deployment) },
	"042": func() any { return new(api.JobSubmission) },
	"046": func() any { return new([]api.AllocationListStub) },
	"047": func() any { return new(api.Allocation) },
	"052": func() any { return new([]api.Allocation) },
	"054": func() any { return new([]api.AllocFileInfo) },
	"055": func() any { return new(api.AllocFileInfo) },
	"058": func() any { return new(api.StreamFrame) },
	"066": func() any { return new(api.JobPlanResponse) },
	"069": func() any { return new(api.JobVersionsResponse) },
	"070": func() any { return new([]api.Deployment) },
	"072": func() any { return new([]api.AllocationListStub) },
	"080": func() any { return new(api.AllocStopResponse) },
	"081": func() any { return new(api.Allocation) },
	"083": func() any { return new(api.JobPlanResponse) },
	"085": func() any { return new(api.Deployment) },
	"089": func() any { return new(api.Job) },
	"090": func() any { return new(api.JobSummary) },
	"091": func() any { return new([]api.AllocationListStub) },
	"093": func() any { return new(api.Job) },
	"095": func() any { return new(api.JobPlanResponse) },
	"097": func() any { return new(api.Evaluation) },
	"098": func() any { return new([]api.Evaluation) },
	"102": func() any { return new([]api.JobListStub) },
	"103": func() any { return new(api.JobSummary) },
	"108": func() any { return new([]api.JobListStub) },
	"109": func() any { return new(api.Job) },
	"110": func() any { return new([]api.AllocationListStub) },
	"112": func() any { return new(api.Job) },
	"114": func() any { return new(api.NodeUpdateResponse) },
	"115": func() any { return new(api.NodeUpdateResponse) },
	"117": func() any { return new(api.Node) },
	"130": func() any { return new(api.Namespace) },
	"133": func() any { return new(api.NodePool) },
	"134": func() any { return new(api.SchedulerConfigurationResponse) },
	"144": func() any { return new(api.JobDeregisterResponse) },
	"145": func() any { return new(api.Job) },
}

func TestNoFieldOfARecordedObjectIsLostInventedOrChanged(t *testing.T) {
	for number, newBody := range recordings {
		t.Run(number, func(t *testing.T) {
			want := recordedBody(t, number)
			body := newBody()
			if err := json.Unmarshal(want, body); err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			equalJSON(t, want, got)
		})
	}
}

func TestSpecFormIsWhatParseAnswers(t *testing.T) {
	for _, name := range []string{
		"015-jobs-parse-hello", "016-jobs-parse-countdown", "017-jobs-parse-count-args", "018-jobs-parse-nightly", "019-jobs-parse-canon-hello",
	} {
		t.Run(name, func(t *testing.T) {
			want := recordedBody(t, name)
			var job api.Job
			if err := json.Unmarshal(want, &job); err != nil {
				t.Fatal(err)
			}
			got, err := api.SpecJSON(&job)
			if err != nil {
				t.Fatal(err)
			}
			equalJSON(t, want, got)
		})
	}
}

func TestObjectsInEventsAreOfTheSameForm(t *testing.T) {
	type line struct {
		Index  uint64
		Events []struct {
			api.Event
			Payload map[string]json.RawMessage
		}
	}
	var lines []line
	stream, err := recorded.Get("154-event-stream")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range stream.Lines {
		lines = append(lines, line{})
		if err := json.Unmarshal(text, &lines[len(lines)-1]); err != nil {
			t.Fatal(err)
		}
	}
	objects := map[string]func() any{
		"Job":        func() any { return new(api.Job) },
		"Evaluation": func() any { return new(api.Evaluation) },
		"Deployment": func() any { return new(api.Deployment) },
		"Allocation": func() any { return new(api.Allocation) },
		"Node":       func() any { return new(api.Node) },
	}
	for _, line := range lines {
		for _, event := range line.Events {
			for name, want := range event.Payload {
				newObject, ok := objects[name]
				if !ok {
					t.Fatalf("event %s has an unknown payload %s", event.Type, name)
				}
				object := newObject()
				if err := json.Unmarshal(want, object); err != nil {
					t.Fatal(err)
				}
				got, err := json.Marshal(object)
				if err != nil {
					t.Fatal(err)
				}
				equalJSON(t, want, got)
			}
		}
	}
}

func TestRequestsAsClientsSendThemAreRead(t *testing.T) {
	var register api.JobRegisterRequest
	if err := json.Unmarshal(recordedRequest(t, "025-job-register"), &register); err != nil {
		t.Fatal(err)
	}
	if register.Job == nil || api.Deref(register.Job.ID) != "hello" || register.Submission == nil || register.Submission.Format != "hcl2" {
		t.Fatalf("read %+v", register)
	}
	var plan api.JobPlanRequest
	if err := json.Unmarshal(recordedRequest(t, "024-job-plan-create"), &plan); err != nil {
		t.Fatal(err)
	}
	if plan.Job == nil || !plan.Diff {
		t.Fatalf("read %+v", plan)
	}
}

// recordedBody returns what was answered in a recorded exchange.
func recordedBody(t testing.TB, number string) []byte {
	t.Helper()
	e, err := recorded.Get(number)
	if err != nil {
		t.Fatal(err)
	}
	return e.Body
}

// recordedRequest returns the body of the request of a recorded exchange.
func recordedRequest(t testing.TB, number string) []byte {
	t.Helper()
	e, err := recorded.Get(number)
	if err != nil {
		t.Fatal(err)
	}
	return e.Request.Body
}

// equalJSON compares two documents exactly: null is not absent, 1 is not "1",
// numbers keep all their digits. The order of keys does not matter.
func equalJSON(t *testing.T, want, got []byte) {
	t.Helper()
	diffs := jsonDiff("$", decodeTree(t, want), decodeTree(t, got))
	if len(diffs) == 0 {
		return
	}
	sort.Strings(diffs)
	if len(diffs) > 30 {
		diffs = append(diffs[:30], "…")
	}
	t.Errorf("documents differ:\n%s", strings.Join(diffs, "\n"))
}

func decodeTree(t *testing.T, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("more than one document in %s", b)
	}
	return v
}

func jsonDiff(path string, want, got any) []string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		var out []string
		for k, v := range w {
			if gv, ok := g[k]; ok {
				out = append(out, jsonDiff(path+"."+k, v, gv)...)
			} else {
				out = append(out, fmt.Sprintf("%s.%s is lost (was %v)", path, k, v))
			}
		}
		for k, v := range g {
			if _, ok := w[k]; !ok {
				out = append(out, fmt.Sprintf("%s.%s is invented (%v)", path, k, v))
			}
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		var out []string
		for i := range w {
			out = append(out, jsonDiff(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])...)
		}
		return out
	default:
		if _, isMap := got.(map[string]any); isMap {
			break
		}
		if _, isList := got.([]any); isList {
			break
		}
		if want == got || sameNumber(want, got) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: want %v (%T), got %v (%T)", path, want, want, got, got)}
}

// sameNumber says that 1.0 is 1.
func sameNumber(a, b any) bool {
	x, ok := a.(json.Number)
	if !ok {
		return false
	}
	y, ok := b.(json.Number)
	if !ok {
		return false
	}
	p, ok := new(big.Rat).SetString(string(x))
	if !ok {
		return false
	}
	q, ok := new(big.Rat).SetString(string(y))
	return ok && p.Cmp(q) == 0
}
