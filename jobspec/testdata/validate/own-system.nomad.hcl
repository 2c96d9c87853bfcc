job "own-system" {
  type        = "system"
  all_at_once = true

  depends_on "database" {}

  group "g" {
    gang = true

    task "t" {
      driver = "raw_exec"
    }
  }
}
