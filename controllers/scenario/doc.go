// Package scenario is a test kit: scripts about jobs on a small simulated cluster, in
// virtual time. The controllers under test are real, as are the queue and the store
// (package reconciletest); users, servers and node agents are played by the commands
// of the script.
//
//	node n1 cpu=1000
//	----
//
//	run shop count=2 cpu=400
//	----
//	+ alloc shop.web[0] n1 v0 run pending d1 e1
//	+ alloc shop.web[1] n1 v0 run pending d1 e1
//	+ eval e1 job-register complete web(place=2) d1
//	+ deployment d1 shop v0 running web(2 placed=2) Deployment is running
//	+ job shop running
//
// Above the line is a command, below it what became of allocations, evaluations,
// deployments and the states of jobs because of it: + new, ~ changed, − gone. With
// `go test -rewrite` the outputs are written into the scripts instead of compared.
//
// Commands, with their default values:
//
//	node NAME cpu=4000 mem=4000 dc=dc1 [volume=…] [plugin=…] [down|disconnected|ineligible|gone]   a node joins or changes
//	csi NAME plugin=ebs [deleting|gone]    a CSI volume, for use in any access mode, is registered or changes
//	unclaim JOB            instances of it need not come back to their sticky volumes
//	drain NODE deadline=0s [ignore_system]   an operator drains it; undrain NODE [eligible]
//	run JOB type=service count=1 cpu=100 mem=100 …              a job is registered; see spec
//	plan JOB …                                                  what registering it would do
//	child JOB NAME [50]    a parameterized job is dispatched, with a priority
//	stop JOB [purge]
//	agents                 node agents start what should run and end what should stop
//	fail|complete NAME…    an instance ends by itself; NAME is its name in the job
//	healthy|unhealthy NAME…    as the deployment controller says it
//	reschedule|lose|migrate NAME…  as the allocation controller, or a user, asks it
//	end JOB STATUS         its deployment ends
//	promote JOB [GROUP…]   an operator promotes the canaries of its deployment,
//	pause|resume|abort JOB …pauses it, lets it go on, makes it fail,
//	good|bad JOB NAME…     …or says how instances of it do
//	advance 10s
//	restart                another server gains leadership
//	configure default [spread] [paused] [preempt=service,batch]    how jobs are placed
//	show JOB               everything that there is of a job
//
// A command over several lines does one thing after the other before the controllers
// get to work.
package scenario
