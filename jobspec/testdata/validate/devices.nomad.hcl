job "devices" {
  group "g" {
    task "good" {
      driver = "raw_exec"
      resources {
        device "gpu" {}
        device "nvidia/gpu/Tesla K80/2" {
          count = 2
          constraint {
            attribute = "${device.attr.memory}"
            operator  = ">="
            value     = "2 GiB"
          }
          constraint {
            attribute = "${device.ids}"
            operator  = "set_contains"
            value     = "GPU-1,GPU-2"
          }
          affinity {
            attribute = "${device.model}"
            value     = "1080ti"
            weight    = 75
          }
        }
      }
    }
    task "bad" {
      driver = "raw_exec"
      resources {
        device "nvidia/" { count = 0 }
        device "gpu" {
          constraint {
            attribute = "${device.vender}"
            value     = "${attr.kernel.name}"
          }
          constraint {
            attribute = "${device.model}"
            operator  = "regex"
            value     = "("
          }
          constraint {
            operator = "distinct_hosts"
            value    = "true"
          }
          affinity {
            attribute = "${device.attr.memory}"
            operator  = ">"
            value     = "1 GiB"
            weight    = 120
          }
        }
      }
    }
  }
}
