# A group whose instances have a volume each.
job "store" {
  type = "batch"
  group "g" {
    count = 2
    volume "data" {
      type      = "host"
      source    = "data"
      per_alloc = true
    }
    task "keep" {
      driver = "raw_exec"
      config {
        command = "/bin/true"
      }
    }
  }
}
