# Dispatched with the name of a picture; two run at a time, the others wait their turn.
job "resize" {
  type = "batch"

  parameterized {
    meta_required  = ["picture"]
    max_concurrent = 2
  }

  group "resize" {
    task "resize" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo resizing $NOMAD_META_picture"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
