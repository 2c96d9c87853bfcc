jobs "x" {}

job "x" {
  prioritee = 3
  image     = "redis"
  update    = {}

  group "g" {
    cout = 1

    network {
      prt "http" {}
    }

    service {
      chek {}
    }

    task "t" {
      drivr = "raw_exec"

      resources {
        ram  = 1
        cpus = 1
      }
    }
  }
}
