package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// ask makes a GET request that the API's client has no words for.
func (w *world) ask(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.Client.Address()+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", path, resp.Status, body)
	}
	return body, nil
}

// gauges are the server's figures.
func (w *world) gauges(ctx context.Context) (map[string]float64, error) {
	body, err := w.ask(ctx, "/v1/metrics")
	if err != nil {
		return nil, err
	}
	var m struct {
		Gauges []struct {
			Name  string
			Value float64
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	out := make(map[string]float64, len(m.Gauges))
	for _, g := range m.Gauges {
		out[g.Name] = g.Value
	}
	return out, nil
}
