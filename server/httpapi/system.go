package httpapi

import (
	"fmt"
	"net/http"

	"github.com/droverhq/drover/controllers/gc"
)

// collectGarbage is PUT /v1/system/gc: what has ended is removed now, however
// lately it ended.
func collectGarbage(c *call) error {
	ctx := c.http.Context()
	if err := c.api.store.Sync(ctx); err != nil {
		return err
	}
	report, err := gc.Force(ctx, c.api.store, c.api.now(), c.api.gc)
	if err != nil {
		return fmt.Errorf("collect garbage: %w", err)
	}
	c.api.log.Info("garbage collected on demand", "removed", report.Removed)
	c.w.WriteHeader(http.StatusOK)
	return nil
}
