// Package drivertest is the suite that every task driver passes.
//
// A driver's package has one test that describes the driver to the suite, and a
// TestMain that lets the suite start the test binary again as a node agent of its own,
// to be killed:
//
//	var subject = drivertest.Subject{
//		New:   func() (driver.Driver, error) { return mydriver.New(…), nil },
//		Ends:  func(after time.Duration, code int) map[string]any { … },
//		Shell: func(script string) map[string]any { … },
//	}
//
//	func TestMain(m *testing.M)  { drivertest.Main(m, subject) }
//	func TestDriver(t *testing.T) { drivertest.Run(t, subject) }
//
// What a driver can't do (run processes of this machine, outlive the agent) it leaves
// out of its Subject, and the suite leaves out what tests that.
package drivertest
