job "volumes" {
  group "good" {
    volume "certs" {
      type      = "host"
      source    = "certs"
      read_only = true
    }
    volume "data" {
      type      = "host"
      source    = "data"
      per_alloc = true
    }
    volume "shared" {
      type            = "csi"
      source          = "shared"
      access_mode     = "multi-node-multi-writer"
      attachment_mode = "file-system"
    }
    volume "own" {
      type            = "csi"
      source          = "own"
      access_mode     = "single-node-writer"
      attachment_mode = "block-device"
      per_alloc       = true
    }
    count = 2
    task "t" {
      driver = "raw_exec"
    }
  }
  group "crowd" {
    count = 2
    volume "alone" {
      type            = "csi"
      source          = "alone"
      access_mode     = "single-node-writer"
      attachment_mode = "file-system"
    }
    volume "again" {
      type            = "csi"
      source          = "alone"
      access_mode     = "multi-node-reader-only"
      attachment_mode = "file-system"
      sticky          = true
    }
    task "t" {
      driver = "raw_exec"
    }
  }
  group "trial" {
    update { canary = 1 }
    volume "alone" {
      type            = "csi"
      source          = "alone"
      access_mode     = "multi-node-single-writer"
      attachment_mode = "filesystem"
    }
    task "t" {
      driver = "raw_exec"
    }
  }
  group "bad" {
    update { canary = 1 }
    volume "data" {
      type      = "host"
      source    = "data"
      per_alloc = true
    }
    volume "nothing" {
      type = "host"
    }
    volume "typo" {
      type   = "hots"
      source = "data"
    }
    volume "csi" {
      type   = "csi"
      source = "data"
    }
    volume "modes" {
      type        = "host"
      source      = "data"
      sticky      = true
      access_mode = "single-node-writer"
      mount_options { fs_type = "ext4" }
    }
    task "t" {
      driver = "raw_exec"
      volume_mount {
        volume      = "data"
        destination = "/data"
      }
    }
  }
}
