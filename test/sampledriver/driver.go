package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

// sample is the driver.
type sample struct {
	wire.UnimplementedBasePluginServer
	wire.UnimplementedDriverServer

	mu       sync.Mutex // guards what is below
	greeting string     // of the plugin's settings
	tasks    map[string]*task
}

// attr is an attribute of a config block.
func attr(name, typ string, required bool) *wire.Spec {
	return &wire.Spec{Block: &wire.Spec_Attr{Attr: &wire.Attr{Name: name, Type: typ, Required: required}}}
}

func object(parts map[string]*wire.Spec) *wire.Spec {
	return &wire.Spec{Block: &wire.Spec_Object{Object: &wire.Object{Attributes: parts}}}
}

func (*sample) PluginInfo(context.Context, *wire.PluginInfoRequest) (*wire.PluginInfoResponse, error) {
	return &wire.PluginInfoResponse{
		Type: wire.PluginType_DRIVER, Name: "sample", PluginVersion: "0.1.0", PluginApiVersions: []string{"v0.1.0"},
	}, nil
}

func (*sample) ConfigSchema(context.Context, *wire.ConfigSchemaRequest) (*wire.ConfigSchemaResponse, error) {
	literal := &wire.Spec{Block: &wire.Spec_Literal{Literal: &wire.Literal{Value: `"hello"`}}}
	return &wire.ConfigSchemaResponse{Spec: object(map[string]*wire.Spec{
		"greeting": {Block: &wire.Spec_Default{Default: &wire.Default{Primary: attr("greeting", "string", false), Default: literal}}},
	})}, nil
}

func (d *sample) SetConfig(_ context.Context, r *wire.SetConfigRequest) (*wire.SetConfigResponse, error) {
	var config struct {
		Greeting string `msgpack:"greeting"`
	}
	if err := msgpack.Unmarshal(r.GetMsgpackConfig(), &config); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.greeting = config.Greeting
	return &wire.SetConfigResponse{}, nil
}

func (*sample) TaskConfigSchema(context.Context, *wire.TaskConfigSchemaRequest) (*wire.TaskConfigSchemaResponse, error) {
	return &wire.TaskConfigSchemaResponse{Spec: object(map[string]*wire.Spec{
		"command": attr("command", "string", true),
		"args":    attr("args", "list(string)", false),
	})}, nil
}

func (*sample) Capabilities(context.Context, *wire.CapabilitiesRequest) (*wire.CapabilitiesResponse, error) {
	return &wire.CapabilitiesResponse{Capabilities: &wire.DriverCapabilities{
		SendSignals: true, Exec: true, MountConfigs: wire.DriverCapabilities_NO_MOUNTS,
	}}, nil
}

func (d *sample) Fingerprint(_ *wire.FingerprintRequest, s wire.Driver_FingerprintServer) error {
	d.mu.Lock()
	greeting := d.greeting
	d.mu.Unlock()
	err := s.Send(&wire.FingerprintResponse{
		Health: wire.FingerprintResponse_HEALTHY, HealthDescription: "Healthy",
		Attributes: map[string]*wire.Attribute{"driver.sample.greeting": {Value: &wire.Attribute_StringVal{StringVal: greeting}}},
	})
	if err == nil {
		<-s.Context().Done() // nothing will change
	}
	return err
}

func (d *sample) StartTask(_ context.Context, r *wire.StartTaskRequest) (*wire.StartTaskResponse, error) {
	var config struct {
		Command string   `msgpack:"command"`
		Args    []string `msgpack:"args"`
	}
	c := r.GetTask()
	if err := msgpack.Unmarshal(c.GetMsgpackDriverConfig(), &config); err != nil {
		return nil, err
	}
	t, err := start(c, append([]string{config.Command}, config.Args...))
	if err != nil {
		return &wire.StartTaskResponse{Result: wire.StartTaskResponse_FATAL, DriverErrorMsg: err.Error()}, nil
	}
	d.mu.Lock()
	d.tasks[c.GetId()] = t
	d.mu.Unlock()
	state, err := json.Marshal(t)
	return &wire.StartTaskResponse{Handle: &wire.TaskHandle{
		Version: 1, Config: c, State: wire.TaskState_RUNNING, DriverState: state,
	}}, err
}

func (d *sample) RecoverTask(_ context.Context, r *wire.RecoverTaskRequest) (*wire.RecoverTaskResponse, error) {
	t := new(task)
	if err := json.Unmarshal(r.GetHandle().GetDriverState(), t); err != nil {
		return nil, err
	}
	if err := t.found(); err != nil {
		return nil, status.Errorf(codes.NotFound, "task not found: %v", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tasks[r.GetHandle().GetConfig().GetId()] = t
	return &wire.RecoverTaskResponse{}, nil
}

func (d *sample) task(id string) (*task, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.tasks[id]; t != nil {
		return t, nil
	}
	return nil, status.Errorf(codes.NotFound, "task not found: %s", id)
}

func (d *sample) WaitTask(ctx context.Context, r *wire.WaitTaskRequest) (*wire.WaitTaskResponse, error) {
	t, err := d.task(r.GetTaskId())
	if err != nil {
		return nil, err
	}
	end, err := t.wait(ctx)
	if err != nil {
		return nil, err
	}
	return &wire.WaitTaskResponse{Result: &wire.ExitResult{ExitCode: int32(end.Code), Signal: int32(end.Signal)}, Err: end.Err}, nil
}

func (d *sample) StopTask(ctx context.Context, r *wire.StopTaskRequest) (*wire.StopTaskResponse, error) {
	t, err := d.task(r.GetTaskId())
	if err != nil {
		return nil, err
	}
	graced, cancel := context.WithTimeout(ctx, r.GetTimeout().AsDuration())
	defer cancel()
	t.signal(unix.SignalNum(r.GetSignal()))
	if _, err := t.wait(graced); err != nil {
		t.signal(unix.SIGKILL)
		_, err = t.wait(ctx)
		return &wire.StopTaskResponse{}, err
	}
	return &wire.StopTaskResponse{}, nil
}

func (d *sample) DestroyTask(ctx context.Context, r *wire.DestroyTaskRequest) (*wire.DestroyTaskResponse, error) {
	t, err := d.task(r.GetTaskId())
	if err != nil {
		return nil, err
	}
	if !t.ended() {
		if !r.GetForce() {
			return nil, fmt.Errorf("task %s runs", r.GetTaskId())
		}
		t.signal(unix.SIGKILL)
		if _, err := t.wait(ctx); err != nil {
			return nil, err
		}
	}
	d.mu.Lock()
	delete(d.tasks, r.GetTaskId())
	d.mu.Unlock()
	return &wire.DestroyTaskResponse{}, t.remove()
}

func (d *sample) InspectTask(_ context.Context, r *wire.InspectTaskRequest) (*wire.InspectTaskResponse, error) {
	t, err := d.task(r.GetTaskId())
	if err != nil {
		return nil, err
	}
	s := &wire.TaskStatus{Id: r.GetTaskId(), State: wire.TaskState_RUNNING, StartedAt: timestamppb.New(t.Started)}
	if t.ended() {
		s.State = wire.TaskState_EXITED
	}
	return &wire.InspectTaskResponse{Task: s}, nil
}

func (d *sample) SignalTask(_ context.Context, r *wire.SignalTaskRequest) (*wire.SignalTaskResponse, error) {
	t, err := d.task(r.GetTaskId())
	if err == nil && t.ended() {
		err = status.Error(codes.FailedPrecondition, "the task has ended")
	}
	if err != nil {
		return nil, err
	}
	t.signal(unix.SignalNum(r.GetSignal()))
	return &wire.SignalTaskResponse{}, nil
}

func (d *sample) TaskStats(r *wire.TaskStatsRequest, s wire.Driver_TaskStatsServer) error {
	t, err := d.task(r.GetTaskId())
	if err != nil {
		return err
	}
	tick := time.NewTicker(max(r.GetCollectionInterval().AsDuration(), time.Millisecond))
	defer tick.Stop()
	for !t.ended() {
		if err := s.Send(&wire.TaskStatsResponse{Stats: t.stats(r.GetTaskId())}); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-s.Context().Done():
			return nil
		}
	}
	return status.Error(codes.FailedPrecondition, "the task has ended")
}

// TaskEvents has nothing to tell.
func (*sample) TaskEvents(_ *wire.TaskEventsRequest, s wire.Driver_TaskEventsServer) error {
	<-s.Context().Done()
	return nil
}
