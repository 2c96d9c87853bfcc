package httpapi

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// listClaims is GET /v1/volumes/claims?job_id=&task_group=&volume_name=: the claims on host
// volumes to which instances come back.
func listClaims(s store.Snapshot, c *call) (any, error) {
	fits := func(param, value string) bool { return !c.query.Has(param) || c.query.Get(param) == value }
	namespace := c.namespaces()
	claims := store.List[*api.HostVolumeClaim](s, store.Query{IDPrefix: c.query.Get("prefix")})
	return listing[*api.HostVolumeClaim]{
		items: where(claims, func(claim *api.HostVolumeClaim) bool {
			return (namespace == "" || claim.Namespace == namespace) &&
				fits("job_id", claim.JobID) && fits("task_group", claim.TaskGroupName) && fits("volume_name", claim.VolumeName)
		}),
		key:    func(claim *api.HostVolumeClaim) string { return claim.ID },
		sorted: true,
		view:   func(claim *api.HostVolumeClaim) any { return claim },
	}.answer(c)
}

// deleteClaim is DELETE /v1/volumes/claim/ID: whoever follows the instance may go elsewhere.
func deleteClaim(c *call) error {
	key := api.HostVolumeClaimKey(c.path["claim"])
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		claim := get[*api.HostVolumeClaim](s, key)
		if claim == nil {
			return store.Txn{}, notFound("volume claim")
		}
		return store.Txn{Conditions: []store.Condition{store.Unchanged(claim)}, Writes: []store.Write{store.Delete(key)}}, nil
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return nil
}
