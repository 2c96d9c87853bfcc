package httpapi

import (
	"errors"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
	"github.com/droverhq/drover/store"
)

// registerJob is PUT /v1/jobs and PUT /v1/job/ID.
func registerJob(c *call) error {
	var in api.JobRegisterRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	warnings, err := c.prepare(in.Job)
	if err != nil {
		return err
	}
	if in.EvalPriority < 0 || in.EvalPriority > api.MaxJobPriority {
		return malformed("EvalPriority must be between 1 and %d", api.MaxJobPriority)
	}
	r := registration{
		job:            in.Job,
		submission:     in.Submission,
		enforce:        in.EnforceIndex,
		index:          in.JobModifyIndex,
		preserveCounts: in.PreserveCounts,
		evalPriority:   in.EvalPriority,
	}
	if r.submission != nil && len(r.submission.Source)+len(r.submission.Variables) > c.api.limits.MaxSource {
		r.submission = nil
		warnings = append(warnings, fmt.Sprintf("the job's source is larger than %d bytes and is not kept with it", c.api.limits.MaxSource))
	}
	warnings = append(warnings, oversubscriptionWarnings(c.api.store.Snapshot(), in.Job)...)
	var did registered
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (txn store.Txn, err error) {
		txn, did, err = planRegister(s, r, c.api.now())
		return txn, err
	})
	if err != nil {
		return err
	}
	out := api.JobRegisterResponse{
		JobModifyIndex: index, Index: index, Warnings: jobspec.WarningText(warnings),
	}
	out.EvalID, out.EvalCreateIndex = did.asked(index)
	if did.unchangedAt != 0 {
		out.JobModifyIndex = did.unchangedAt
	}
	c.indexHeader(index)
	return c.answer(out)
}

// validateJob is PUT /v1/validate/job.
func validateJob(c *call) error {
	var in struct{ Job *api.Job }
	if err := c.decode(&in); err != nil {
		return err
	}
	out := api.JobValidateResponse{DriverConfigValidated: true}
	warnings, err := c.prepare(in.Job)
	var invalid *api.InvalidError
	switch {
	case errors.As(err, &invalid):
		out.Error = invalid.Error()
		for _, f := range invalid.Fields {
			out.ValidationErrors = append(out.ValidationErrors, f.Error())
		}
	case err != nil:
		return err
	}
	out.Warnings = jobspec.WarningText(warnings)
	return c.answer(out)
}
