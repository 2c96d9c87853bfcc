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
