job "x" "y" {
}

job {
}

job "z" {
  group {
  }

  group "g" {
    restart "x" {}

    restart {}

    restart {}

    update {}
    update {}

    network {
      port "a" {}
      port "a" {}
    }

    volume "v" {}
    volume "v" {}

    task "t" {
      env {}
      env = {}

      meta {
        block {}
      }

      identity {}
      identity {}

      scaling "disk" {
        max = 1
      }
    }
  }
}

job "second" {
}
