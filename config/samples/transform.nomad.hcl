# A hundred parts, ten at a time, when extract has succeeded.
job "transform" {
  type = "batch"

  depends_on "extract" {}

  group "part" {
    indexed {
      completions = 100
      parallelism = 10
      attempts    = 2
      max_failed  = 5
    }

    task "transform" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo part $NOMAD_ALLOC_INDEX"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
