# A front that knows where the shop is, by a template and by a page that it fetches.
variable "page" {}

job "front" {
  group "g" {
    task "t" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "cat local/page local/shops; echo \"at ${NOMAD_TASK_NAME} with $SHOPS\"; exec sleep 1000"]
      }

      artifact {
        source = var.page
      }

      template {
        data        = <<EOH
{{ range nomadService "shop" }}shop on {{ .Port }}
{{ end }}
EOH
        destination = "local/shops"
        splay       = "0s"
      }

      template {
        data        = "SHOPS={{ len (nomadService \"shop\") }}"
        destination = "secrets/env"
        env         = true
        change_mode = "noop"
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
