package artifact

import "io/fs"

// ownerOf: files have no owners by number here.
func ownerOf(fs.FileInfo) (uid, gid int, ok bool) { return 0, 0, false }
