package api

import "strings"

//msgp:ignore DeviceKind

// DeviceKind says which devices are meant: of a type, of a vendor, of a name (which
// vendors call a model). An empty vendor or name is any.
type DeviceKind struct {
	Vendor, Type, Name string
}

// ParseDeviceKind reads TYPE, VENDOR/TYPE or VENDOR/TYPE/NAME. A name may have slashes.
func ParseDeviceKind(s string) DeviceKind {
	const parts = 3
	switch p := strings.SplitN(s, "/", parts); len(p) {
	case 1:
		return DeviceKind{Type: p[0]}
	case 2:
		return DeviceKind{Vendor: p[0], Type: p[1]}
	default:
		return DeviceKind{Vendor: p[0], Type: p[1], Name: p[2]}
	}
}

// Includes reports whether devices of a node are meant.
func (k DeviceKind) Includes(d *NodeDeviceResource) bool {
	return k.Type == d.Type && (k.Vendor == "" || k.Vendor == d.Vendor) && (k.Name == "" || k.Name == d.Name)
}
