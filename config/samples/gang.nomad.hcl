# Four ranks that need each other: all are placed at once, or none, when transform has
# succeeded.
job "gang" {
  type = "batch"

  depends_on "transform" {
    condition = "success"
  }

  group "rank" {
    count = 4
    gang  = true

    task "rank" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo rank $NOMAD_ALLOC_INDEX of 4"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
