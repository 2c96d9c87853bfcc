//go:build !linux

package main

// heldTask is false: tasks are held by the agent itself.
func heldTask() bool { return false }
