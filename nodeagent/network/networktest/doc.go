// Package networktest gives tests of networks a machine of their own: they run in a
// network and a mount namespace, so that what they make is seen by nobody, and all of it
// can be listed.
package networktest
