// Package cloud finds out what the cloud that a node is in says of it: AWS, GCE and
// Azure have a metadata service that machines reach at a link-local address.
//
// Which cloud that is the firmware of the machine says, so that nothing is asked of a
// network where there is no such service. What is found does not change while the
// machine runs: it is asked once.
package cloud
