package httpapi

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
	"github.com/droverhq/drover/store"
)

// versionRoutes are those of the versions of a job.
func versionRoutes() []route {
	return []route{
		{pattern: "job/{job...}/versions", get: query(ofJob(itself), readVersions)},
		{pattern: "job/{job...}/revert", put: revertJob},
		{pattern: "job/{job...}/stable", put: markStable},
		{pattern: "job/{job...}/versions/{tag}/tag", put: tagVersion, del: untagVersion},
	}
}

// readVersions is GET /v1/job/ID/versions, newest first: with ?diffs each compared with
// the one before, or with the one that ?diff_version or ?diff_tag names.
func readVersions(s store.Snapshot, c *call) (any, error) {
	withDiffs, err := c.flag("diffs")
	if err != nil {
		return nil, err
	}
	namespace, id := c.jobOf()
	if get[*api.Job](s, api.JobKey(namespace, id)) == nil {
		return nil, errNoJob()
	}
	v := newView(s)
	out := &api.JobVersionsResponse{Index: s.Index(), KnownLeader: c.api.store.Leader().ServerID != ""}
	for _, stored := range versionsOf(s, namespace, id) {
		out.Versions = append(out.Versions, v.joinVersion(stored))
	}
	base, err := c.diffBase(out.Versions)
	switch {
	case err != nil:
		return nil, err
	case base != nil:
		for _, version := range out.Versions {
			out.Diffs = append(out.Diffs, jobspec.Diff(base, version))
		}
	case withDiffs:
		out.Diffs = diffs(out.Versions)
	}
	return out, nil
}

// diffBase returns the version that a call wants the others compared with, or nil.
func (c *call) diffBase(versions []*api.Job) (*api.Job, error) {
	tag := c.query.Get("diff_tag")
	switch {
	case tag != "" && c.query.Has("diff_version"):
		return nil, malformed("say either diff_tag or diff_version")
	case tag != "":
		for _, v := range versions {
			if v.VersionTag != nil && v.VersionTag.Name == tag {
				return v, nil
			}
		}
		return nil, notFound(fmt.Sprintf("version tag %q", tag))
	case !c.query.Has("diff_version"):
		return nil, nil
	}
	number, err := c.number("diff_version")
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		if api.Deref(v.Version) == number {
			return v, nil
		}
	}
	return nil, errNoVersion(number)
}

func errNoVersion(number uint64) error { return notFound(fmt.Sprintf("version %d of the job", number)) }

// versionsOf returns the stored versions of a job, newest first.
func versionsOf(s store.Snapshot, namespace, jobID string) []*api.JobVersion {
	q := store.Query{Index: store.ByJob, Value: store.JobValue(namespace, jobID)}
	versions := slices.Collect(store.List[*api.JobVersion](s, q))
	slices.SortFunc(versions, func(a, b *api.JobVersion) int {
		return cmp.Compare(api.Deref(b.Job.Version), api.Deref(a.Job.Version))
	})
	return versions
}

// revertJob is PUT /v1/job/ID/revert: a new version with the spec of an earlier one.
func revertJob(c *call) error {
	var in api.JobRevertRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	namespace, id := c.jobOf()
	if in.JobID != "" && in.JobID != id {
		return malformed("the body is about job %q, the path about %q", in.JobID, id)
	}
	var did registered
	var warnings []string
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (txn store.Txn, err error) {
		var r registration
		if r, warnings, err = c.planRevert(s, namespace, id, in); err != nil {
			return store.Txn{}, err
		}
		txn, did, err = planRegister(s, r, c.api.now())
		return txn, err
	})
	if err != nil {
		return err
	}
	out := api.JobRegisterResponse{
		JobModifyIndex: cmp.Or(did.unchangedAt, index), Index: index, Warnings: jobspec.WarningText(warnings),
	}
	out.EvalID, out.EvalCreateIndex = did.asked(index)
	c.indexHeader(index)
	return c.answer(out)
}

// planRevert returns the registration by which a job gets the spec of an earlier
// version.
func (c *call) planRevert(s store.Snapshot, namespace, id string, in api.JobRevertRequest) (registration, []string, error) {
	current := get[*api.Job](s, api.JobKey(namespace, id))
	if current == nil {
		return registration{}, nil, errNoJob()
	}
	at := api.Deref(current.Version)
	switch {
	case in.EnforcePriorVersion != nil && *in.EnforcePriorVersion != at:
		return registration{}, nil, wordedf(api.ErrConflict, "Current job has version %d; enforcing version %d", at, *in.EnforcePriorVersion)
	case in.JobVersion == at:
		return registration{}, nil, malformed("can't revert to current version")
	}
	stored := get[*api.JobVersion](s, api.JobVersionKey(namespace, id, in.JobVersion))
	if stored == nil {
		return registration{}, nil, errNoVersion(in.JobVersion)
	}
	job, err := api.Clone(stored.Job)
	if err != nil {
		return registration{}, nil, err
	}
	job.VersionTag = nil // it stays with the version that it was given to
	warnings, err := c.prepare(job)
	submission := get[*api.JobSubmission](s, api.Key{Kind: api.KindJobSubmission, Namespace: namespace, ID: api.VersionID(id, in.JobVersion)})
	return registration{job: job, submission: submission}, warnings, err
}

// markStable is PUT /v1/job/ID/stable: what auto_revert may go back to.
func markStable(c *call) error {
	var in api.JobStabilityRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	namespace, id := c.jobOf()
	if in.JobID != "" && in.JobID != id {
		return malformed("the body is about job %q, the path about %q", in.JobID, id)
	}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		v := get[*api.JobVersion](s, api.JobVersionKey(namespace, id, in.JobVersion))
		if v == nil {
			return store.Txn{}, errNoVersion(in.JobVersion)
		}
		marked := *v
		marked.Stable = in.Stable
		return store.Txn{Conditions: []store.Condition{store.Unchanged(v)}, Writes: []store.Write{store.Put(&marked)}}, nil
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.JobStabilityResponse{Index: index})
}

// maxTagName is how long the name of a version's tag may be, in bytes.
const maxTagName = 128

// tagVersion is PUT /v1/job/ID/versions/TAG/tag: a version with a tag is kept. A version
// has one tag: a further one takes its place.
func tagVersion(c *call) error {
	var in api.JobTagRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if len(c.path["tag"]) > maxTagName {
		return malformed("the name of a tag has %d characters at most", maxTagName)
	}
	tag := &api.JobVersionTag{Name: c.path["tag"], Description: in.Description, TaggedTime: c.api.now().UnixNano()}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		return c.planTag(s, in.Version, tag)
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.JobTagResponse{Name: tag.Name, Description: tag.Description, TaggedTime: tag.TaggedTime, Index: index})
}

func (c *call) planTag(s store.Snapshot, version *uint64, tag *api.JobVersionTag) (store.Txn, error) {
	namespace, id := c.jobOf()
	current := get[*api.Job](s, api.JobKey(namespace, id))
	if current == nil {
		return store.Txn{}, errNoJob()
	}
	if version == nil {
		version = current.Version
	}
	var txn store.Txn
	for _, v := range versionsOf(s, namespace, id) {
		switch number := api.Deref(v.Job.Version); {
		case number == *version:
			tagged := *v
			tagged.Tag = tag
			txn.Writes = append(txn.Writes, store.Put(&tagged))
		case v.Tag != nil && v.Tag.Name == tag.Name:
			return store.Txn{}, wordedf(api.ErrConflict, "tag %q is on version %d already: unset it there first", tag.Name, number)
		}
		// Nobody may give the tag to another version meanwhile.
		txn.Conditions = append(txn.Conditions, store.Unchanged(v))
	}
	if len(txn.Writes) == 0 {
		return store.Txn{}, errNoVersion(*version)
	}
	return txn, nil
}

// untagVersion is DELETE /v1/job/ID/versions/TAG/tag.
func untagVersion(c *call) error {
	namespace, id := c.jobOf()
	name := c.path["tag"]
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		for _, v := range versionsOf(s, namespace, id) {
			if v.Tag != nil && v.Tag.Name == name {
				bare := *v
				bare.Tag = nil
				return store.Txn{Conditions: []store.Condition{store.Unchanged(v)}, Writes: []store.Write{store.Put(&bare)}}, nil
			}
		}
		return store.Txn{}, notFound(fmt.Sprintf("version tag %q of job %q", name, id))
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.JobTagResponse{Name: name, Index: index})
}
