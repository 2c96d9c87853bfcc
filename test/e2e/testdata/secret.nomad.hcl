# A task that follows a variable of its job, and one of its own. With -var path=… it asks
# for another's.
variable "path" {
  default = "nomad/jobs/secret"
}

job "secret" {
  group "g" {
    task "t" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "cat local/v; echo \"with $PASS\"; exec sleep 1000"]
      }

      template {
        data        = <<EOH
{{ range nomadVarList }}{{ .Path }} {{ end }}{{ range nomadVarListSafe }}{{ .Path }} {{ end }}
own {{ nomadVarExists "nomad/jobs/secret/g/t" }}
EOH
        destination = "local/v"
        splay       = "0s"
      }

      template {
        data        = "PASS={{ with nomadVar \"${var.path}\" }}{{ .pass }}{{ end }}"
        destination = "secrets/env"
        env         = true
        splay       = "0s"
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
