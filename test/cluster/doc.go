// Package cluster starts real agents from the built binary, for tests of the whole
// system: each with its own data and free ports on loopback, so that many tests run
// side by side.
//
// TestMain of a test package calls Main, which builds the binaries unless
// DROVER_BIN names their folder. A test then starts an Agent, or several, talks to
// it through Drover (the command line) or Client, kills it, starts it again, and
// counts what runs by looking at /proc, never by asking the agent:
//
//	func TestMain(m *testing.M) { cluster.Main(m) }
//
//	func TestWhatRunsSurvives(t *testing.T) {
//		a := cluster.Start(t, cluster.Options{})
//		a.Must(0, "apply", "job.nomad.hcl")
//		a.Kill()
//		a.Start()
//		if len(a.Processes()) != 1 { … }
//	}
//
// On Linux, and as root, agents can be on hosts of a LAN, a network that the test makes for
// itself, and be cut off:
//
//	host := cluster.NewLAN(t).Host()
//	a := cluster.Start(t, cluster.Options{Place: &host.Place})
//	host.Unplug()
//
// When a test ends, its jobs are stopped, its agents are ended in order and whatever
// still runs of them fails the test.
package cluster
