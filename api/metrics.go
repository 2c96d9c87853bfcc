package api

//msgp:ignore Gauge

// Gauge is a figure of GET /v1/metrics as it is now.
type Gauge struct {
	Name   string // with dots: nomad.client.uptime
	Value  float64
	Labels map[string]string
}
