package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/droverhq/drover/api"
)

// Volumes are the routes below /v1/volumes and /v1/volume, for CSI volumes.
type Volumes struct{ c *Client }

func volumePath(id, rest string) string { return "/v1/volume/csi/" + url.PathEscape(id) + rest }

func extra(name, value string) map[string]string { return map[string]string{name: value} }

// List returns the CSI volumes, those of a plugin if one is named.
func (v *Volumes) List(ctx context.Context, plugin string, q Query) ([]*api.CSIVolumeListStub, api.QueryMeta, error) {
	q.Params = extra("type", api.VolumeCSI)
	if plugin != "" {
		q.Params["plugin_id"] = plugin
	}
	return get[[]*api.CSIVolumeListStub](ctx, v.c, "/v1/volumes", q)
}

// Get returns a volume with who claims it.
func (v *Volumes) Get(ctx context.Context, id string, q Query) (*api.CSIVolume, api.QueryMeta, error) {
	return get[*api.CSIVolume](ctx, v.c, volumePath(id, ""), q)
}

// registration is a volume with its secrets, which its own JSON form hides.
type registration struct {
	*api.CSIVolume
	Secrets map[string]string
}

// Register makes a volume known that is there already, or changes it.
func (v *Volumes) Register(ctx context.Context, volume *api.CSIVolume, q Query) error {
	body := struct{ Volumes []registration }{[]registration{{volume, volume.Secrets}}}
	return v.c.write(ctx, http.MethodPut, volumePath(volume.ID, ""), q, body)
}

// Deregister forgets a volume that nobody uses; with force also one that is used by
// allocations that were told to stop and have not ended.
func (v *Volumes) Deregister(ctx context.Context, id string, force bool, q Query) error {
	if force {
		q.Params = extra("force", "true")
	}
	return v.c.write(ctx, http.MethodDelete, volumePath(id, ""), q, nil)
}

// Detach ends the claims of allocations on a node that don't run any more, or are out of
// contact.
func (v *Volumes) Detach(ctx context.Context, id, nodeID string, q Query) error {
	q.Params = extra("node", nodeID)
	return v.c.write(ctx, http.MethodDelete, volumePath(id, "/detach"), q, nil)
}

// Plugins returns the storage plugins that nodes report.
func (v *Volumes) Plugins(ctx context.Context, q Query) ([]*api.CSIPluginListStub, api.QueryMeta, error) {
	q.Params = extra("type", api.VolumeCSI)
	return get[[]*api.CSIPluginListStub](ctx, v.c, "/v1/plugins", q)
}

// Plugin returns a storage plugin.
func (v *Volumes) Plugin(ctx context.Context, id string, q Query) (*api.CSIPlugin, api.QueryMeta, error) {
	return get[*api.CSIPlugin](ctx, v.c, "/v1/plugin/csi/"+url.PathEscape(id), q)
}

// Claims returns the claims on host volumes to which instances come back, those of a job, a
// group or a volume if they are named.
func (v *Volumes) Claims(ctx context.Context, job, group, volume string, q Query) ([]*api.HostVolumeClaim, api.QueryMeta, error) {
	q.Params = map[string]string{}
	for name, value := range map[string]string{"job_id": job, "task_group": group, "volume_name": volume} {
		if value != "" {
			q.Params[name] = value
		}
	}
	return get[[]*api.HostVolumeClaim](ctx, v.c, "/v1/volumes/claims", q)
}

// DeleteClaim lets the instance of a claim go elsewhere when it is replaced.
func (v *Volumes) DeleteClaim(ctx context.Context, id string) error {
	return v.c.write(ctx, http.MethodDelete, "/v1/volumes/claim/"+url.PathEscape(id), Query{}, nil)
}
