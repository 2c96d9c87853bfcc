# What is wrong with what is drover's own.
job "own" {
  type     = "batch"
  deadline = "10ms"

  depends_on "own" {}

  depends_on "other" {
    condition = "succes"
  }

  depends_on "other" {}

  depends_on "far" {
    namespace = "no space"
  }

  group "array" {
    count = 3

    indexed {
      completions = 5
      parallelism = 0
      attempts    = -1
      max_failed  = -1
    }

    task "t" {
      driver = "raw_exec"
    }
  }

  group "gang" {
    count = 1001
    gang  = true

    task "t" {
      driver = "raw_exec"
    }
  }
}
