package shim

// failure is an error with what was being done: fmt would double the shim's size.
type failure struct {
	doing string
	err   error
}

func (f *failure) Error() string { return f.doing + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return &failure{doing, err}
}
