package held

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/shim"
)

// Denied are the users and groups of the node, by their numbers, that no task may run
// as.
type Denied struct {
	UIDs, GIDs []IDRange
}

// IDRange is the numbers from First to Last.
type IDRange struct{ First, Last uint32 }

// ReadDenied reads denied_host_uids and denied_host_gids: 0,1000-1999.
func ReadDenied(b *block.Block) Denied {
	return Denied{UIDs: readRanges(b, "denied_host_uids"), GIDs: readRanges(b, "denied_host_gids")}
}

func readRanges(b *block.Block, key string) []IDRange {
	var list []IDRange
	for part := range strings.SplitSeq(b.Text(key), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err := strconv.ParseUint(low, 10, 32)
		last, lastErr := strconv.ParseUint(high, 10, 32)
		if cmp.Or(err, lastErr) != nil || first > last {
			b.Wrong(key, fmt.Sprintf("%q is no number and no range; write it as 0,1000-1999", part))
			continue
		}
		list = append(list, IDRange{uint32(first), uint32(last)})
	}
	return list
}

// check returns an error if no task may run as the user; nil is that of this process.
func (d Denied) check(u *shim.User) error {
	uid, groups := uint32(os.Geteuid()), []uint32{uint32(os.Getegid())}
	if u != nil {
		uid, groups = u.UID, append([]uint32{u.GID}, u.Groups...)
	}
	if within(d.UIDs, uid) {
		return fmt.Errorf("%w: this node lets no task run as user %d (denied_host_uids)", os.ErrPermission, uid)
	}
	for _, gid := range groups {
		if within(d.GIDs, gid) {
			return fmt.Errorf("%w: this node lets no task run as group %d (denied_host_gids)", os.ErrPermission, gid)
		}
	}
	return nil
}

func within(list []IDRange, id uint32) bool {
	for _, r := range list {
		if r.First <= id && id <= r.Last {
			return true
		}
	}
	return false
}
