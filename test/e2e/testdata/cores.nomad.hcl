# A task with a core of its own, which says where it runs.
variable "cores" {
  default = 1
}

job "cores" {
  type = "batch"
  group "g" {
    task "one" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo $NOMAD_CPU_CORES; grep Cpus_allowed_list: /proc/self/status"]
      }
      resources {
        cores = var.cores
        numa { affinity = "prefer" }
      }
    }
  }
}
