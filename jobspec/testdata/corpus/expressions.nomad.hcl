variables {
  image = "redis"
}

variable "count" {
  type        = number
  description = "How many."
  default     = 2
}

variable "ports" {
  type = list(object({
    name = string
    to   = optional(number, 80)
  }))
  default = [{ name = "http" }, { name = "admin", to = 9000 }]
}

variable "env" {
  type    = map(string)
  default = { B = "2", A = "1" }

  validation {
    condition     = length(var.env) < 10
    error_message = "Too many variables."
  }
}

locals {
  name     = "${local.prefix}-${var.image}"
  prefix   = upper("shop")
  double   = [for n in range(1, 4) : n * 2]
  odd      = { for k, v in var.env : lower(k) => v if v != "2" }
  joined   = join(",", [for p in var.ports : p.name])
  fallback = try(local.nothing.there, "none")
}

job "expressions" {
  datacenters = [for n in ["a", "b"] : "dc-${n}"]
  priority    = var.count > 1 ? 60 : 40

  meta {
    name     = local.name
    double   = jsonencode(local.double)
    odd      = jsonencode(local.odd)
    joined   = local.joined
    fallback = local.fallback
    first    = var.ports[0].name
    all      = join("+", var.ports[*].name)
    sum      = format("%05.2f|%s|%d", 3.14159, "x", 7)
    can      = can(tonumber("x"))
    null     = null
    cut      = substr("abcdef", 1, 3)
    replaced = replace("a-b", "-", "_")
    re       = regex_replace("abc123", "[0-9]+", "N")
    sha      = substr(sha256("x"), 0, 8)
    b64      = base64encode("hi")
    decoded  = jsondecode("{\"a\": [1, 2]}").a[1]
    yaml     = yamldecode("a:\n  - 1\n  - x\n").a[1]
    cidr     = cidrsubnet("10.0.0.0/8", 8, 2)
    host     = cidrhost("10.1.0.0/16", 5)
    mask     = cidrnetmask("172.16.0.0/12")
    subnets  = join(" ", cidrsubnets("10.1.0.0/16", 4, 4, 8))
    uuid     = uuidv5("dns", "example.com")
    trimmed  = trimspace("  x ")
    directive = "%{ for p in var.ports ~}${p.name};%{ endfor }"
    keys     = join(",", keys(var.env))
    date     = formatdate("YYYY", "2026-11-20T23:44:27Z")
    element  = element(["a", "b"], 3)
    merged   = jsonencode(merge({ a = 1 }, { b = 2 }))
  }

  group "g" {
    count = var.count

    network {
      dynamic "port" {
        for_each = var.ports
        labels   = [port.value.name]

        content {
          to = port.value.to
        }
      }
    }

    dynamic "task" {
      for_each = { x = "1", y = "2" }
      iterator = each
      labels   = ["t-${each.key}"]

      content {
        driver = "raw_exec"

        config {
          command = "/bin/echo"
          args    = [each.value, "${NOMAD_PORT_http}"]

          dynamic "mount" {
            for_each = toset(["b", "a"])

            content {
              target = "/${mount.value}"
            }
          }
        }

        dynamic "service" {
          for_each = range(0, 2)

          content {
            name = "${each.key}-${service.value}"
          }
        }
      }
    }

    task "heredoc" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args = ["-c", <<-EOT
          echo ${var.image}
            echo $${var.image} %%{ if }
          EOT
        ]
      }

      env = { for k, v in var.env : "X_${k}" => v }
    }
  }
}
