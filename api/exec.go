package api

//msgp:ignore ExecInput ExecOutput ExecStream TerminalSize ExecResult JobAction

// ExecInput is a message to a command that is run in a task. An empty one is a
// heartbeat.
type ExecInput struct {
	Stdin   *ExecStream   `json:"stdin,omitempty"`
	TTYSize *TerminalSize `json:"tty_size,omitempty"`
}

// ExecOutput is a message from a command that is run in a task. An empty one is a
// heartbeat; that with Exited is the last.
type ExecOutput struct {
	Stdout *ExecStream `json:"stdout,omitempty"`
	Stderr *ExecStream `json:"stderr,omitempty"`
	Exited bool        `json:"exited,omitempty"`
	Result *ExecResult `json:"result,omitempty"`
}

// ExecStream is a piece of one of a command's standard streams, or its end.
type ExecStream struct {
	Data  []byte `json:"data,omitempty"`
	Close bool   `json:"close,omitempty"`
}

// TerminalSize is how many characters a terminal shows.
type TerminalSize struct {
	Height int `json:"height,omitempty"`
	Width  int `json:"width,omitempty"`
}

// ExecResult is how a command ended.
type ExecResult struct {
	ExitCode int `json:"exit_code"`
}

// JobAction is an action as the list of a job's actions shows it.
type JobAction struct {
	Name          string
	Command       string
	Args          []string
	TaskName      string
	TaskGroupName string
}
