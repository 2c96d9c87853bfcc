package controllers_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/droverhq/drover/controllers"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store/mem"
)

// Who reads and writes what.
func ExampleRegister() {
	s := mem.New(mem.Options{ServerID: "server-1"})
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "server-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := controllers.Register(m, controllers.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	if err := errors.Join(reconcile.WriteGraph(os.Stdout, m.Graph()), s.Close()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// | controller | for | woken by | writes | removes |
	// | --- | --- | --- | --- | --- |
	// | admission | Job | JobStatus, Deployment, Allocation, AllocationStatus | JobAdmission |  |
	// | job | Job | JobAdmission, Allocation, Evaluation, Deployment, AllocationStatus, Node, NodeStatus, NodeIntent, SchedulerConfiguration, CSIVolume, HostVolumeClaim | Allocation (shared), Deployment (shared), Evaluation (shared), HostVolumeClaim, JobStatus |  |
	// | deployment | Deployment | Allocation, AllocationStatus | Allocation (shared), Deployment (shared), Evaluation (shared), Job (shared), JobSubmission, JobVersion (shared) |  |
	// | allocation | Allocation | AllocationStatus, NodeStatus, Deployment, Job | Allocation (shared) |  |
	// | absence | NodeStatus | Node | Allocation (shared) |  |
	// | nodehealth | Node | NodeSession | NodeStatus |  |
	// | periodic | Job |  | Evaluation (shared), Job (shared), JobVersion (shared), PeriodicLaunch |  |
	// | scaling | Job | ScalingPolicy | ScalingPolicy |  |
	// | drain | NodeIntent | Allocation, AllocationStatus | Allocation (shared), NodeIntent |  |
	// | migrate | Job | NodeIntent, Allocation, AllocationStatus, Deployment | Allocation (shared) |  |
	// | gc | Leadership |  |  | Allocation, AllocationStatus, Deployment, DispatchToken, Evaluation, HostVolumeClaim, Job, JobAdmission, JobStatus, JobSubmission, JobVersion, Node, NodeIntent, NodeSession, NodeStatus, PeriodicLaunch, ScalingEvents |
	// | expiry | JobStatus |  |  | Allocation, AllocationStatus, Deployment, Evaluation, HostVolumeClaim, Job, JobAdmission, JobStatus, JobSubmission, JobVersion, PeriodicLaunch, ScalingEvents |
}
