package held

import (
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// Options say whose tasks a Holder holds.
type Options struct {
	// Name is the driver's.
	Name string
	// ShimPath is the drover-shim program. Default: the one beside the running program;
	// if there is none, the running program itself, started by the name drover-shim,
	// which costs more memory for each task.
	ShimPath string
	// Usable returns why tasks can't be run, if they can't.
	Usable func() error
	// Spec says what the shim is to run for a task.
	Spec func(driver.Task) (*shim.Spec, error)
}

// Holder is the part of a driver that is about the life of tasks. It has no state and
// needs no closing.
type Holder struct {
	name    string
	shim    string // program
	shimErr error  // why the program can't be run
	usable  func() error
	spec    func(driver.Task) (*shim.Spec, error)
}

var (
	_ driver.Finder   = (*Holder)(nil)
	_ driver.Signaler = (*Holder)(nil)
	_ driver.Statter  = (*Holder)(nil)
	_ driver.Executor = (*Holder)(nil)
)

// New returns a holder. Without a shim that can be run it starts no tasks: see ShimErr.
func New(o Options) *Holder {
	h := &Holder{name: o.Name, usable: o.Usable, spec: o.Spec}
	h.shim, h.shimErr = shim.Program(o.ShimPath)
	return h
}

// Name is what jobspecs call the driver.
func (d *Holder) Name() string { return d.name }

// ShimErr returns why the shim can't be run, if it can't.
func (d *Holder) ShimErr() error { return d.shimErr }

func (d *Holder) ready() error {
	if err := d.usable(); err != nil {
		return err
	}
	return d.shimErr
}
