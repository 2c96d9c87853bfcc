package api

import (
	"fmt"
	"strings"
)

// What the API shows, never stored.
//
//msgp:ignore Variable VariableMetadata

// Variable is a set of names and values that users keep in the cluster, mostly secrets. It
// is never stored like this: see SealedVariable.
type Variable struct {
	Namespace   string
	Path        string
	CreateIndex uint64
	ModifyIndex uint64
	CreateTime  int64 // Unix nanoseconds
	ModifyTime  int64
	Items       map[string]string
}

// VariableMetadata is what lists show of a variable: all but what is in it.
type VariableMetadata struct {
	CreateIndex uint64
	CreateTime  int64
	ModifyIndex uint64
	ModifyTime  int64
	Namespace   string
	Path        string
}

// SealedVariable is a variable as it is stored: its items can be read only with a root key.
type SealedVariable struct {
	ObjectMeta `msg:"-"`
	Namespace  string
	Path       string
	KeyID      string // of the RootKey
	Sealed     []byte // the items: see package server/keyring
	CreateTime int64  // Unix nanoseconds
	ModifyTime int64
}

// VariableKey is the key of a variable.
func VariableKey(namespace, path string) Key {
	return Key{Kind: KindVariable, Namespace: namespace, ID: path}
}

// Key implements Object.
func (v *SealedVariable) Key() Key {
	if v == nil {
		return Key{Kind: KindVariable}
	}
	return VariableKey(v.Namespace, v.Path)
}

// Metadata returns what lists show of it.
func (v *SealedVariable) Metadata() *VariableMetadata {
	return &VariableMetadata{
		Namespace: v.Namespace, Path: v.Path, CreateIndex: v.CreateIndex, ModifyIndex: v.ModifyIndex,
		CreateTime: v.CreateTime, ModifyTime: v.ModifyTime,
	}
}

const (
	// MaxVariablePath is how long the path of a variable may be, in bytes.
	MaxVariablePath = 128
	// MaxVariableItems is how large the items of a variable may be together: the bytes of
	// all names and values.
	MaxVariableItems = 64 << 10
	// VariableJobs is the path below which the variables of jobs are: those that tasks may
	// read without being told so.
	VariableJobs = "nomad/jobs"
	// variableTemplates is the path below which whole jobspecs are, for job init.
	variableTemplates = "nomad/job-templates"
)

// CheckVariablePath says what is wrong with the path of a variable.
func CheckVariablePath(path string) error {
	switch {
	case path == "":
		return fmt.Errorf("a variable needs a path")
	case len(path) > MaxVariablePath:
		return fmt.Errorf("the path of a variable has %d bytes; it may have %d", len(path), MaxVariablePath)
	case strings.ContainsFunc(path, func(r rune) bool { return !inVariablePath(r) }):
		return fmt.Errorf("invalid path %q: it may have letters, digits and - _ ~ /", path)
	}
	parts := strings.Split(path, "/")
	for _, part := range parts {
		if part == "" {
			return fmt.Errorf("invalid path %q: it has a part without a name", path)
		}
	}
	if parts[0] != "nomad" || path == VariableJobs || strings.HasPrefix(path, VariableJobs+"/") {
		return nil
	}
	if strings.HasPrefix(path, variableTemplates+"/") && len(parts) == 3 {
		return nil
	}
	return fmt.Errorf("invalid path %q: below nomad there are %s, with everything below it, and %s/NAME only", path, VariableJobs, variableTemplates)
}

func inVariablePath(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_~/", r)
}

// Check says, as an *InvalidError, what keeps the variable from being written.
func (v *Variable) Check() error {
	invalid := &InvalidError{What: fmt.Sprintf("variable %q", v.Path)}
	if err := CheckVariablePath(v.Path); err != nil {
		invalid.Add("Path", err.Error())
	}
	if v.Namespace == "*" {
		invalid.Add("Namespace", "a variable is in one namespace, not in *")
	}
	if len(v.Items) == 0 {
		invalid.Add("Items", "variable missing required Items object")
	}
	size := 0
	for name, value := range v.Items {
		if name == "" {
			invalid.Add("Items", "there is an item without a name")
		}
		size += len(name) + len(value)
	}
	if size > MaxVariableItems {
		invalid.Add("Items", fmt.Sprintf("variables are limited to 64KiB in total size; this one has %d bytes", size))
	}
	return invalid.OrNil()
}
