variable "unset" {
  type = string
}

variable "wrong" {
  type    = number
  default = "x"
}

variable "twice" {
  default = 1
}

variable "twice" {
  default = 2
}

variable "not a name" {
  default = 1
}

variable "checked" {
  default = 3

  validation {
    condition     = var.checked > 5
    error_message = "Must be more than 5."
  }
}

locals {
  a = local.b
  b = local.c
  c = local.a
  d = local.missing
  e = 1
}

locals {
  e = 2
}

job "x" {
  meta {
    a = vars.checked
    b = shop.name
    c = var.nothing
    d = nofunction(1)
    e = uper("x")
    f = upper(1, 2)
    g = [for x in 5 : x]
    h = "${1 + "a"}"
    i = var.unset
    j = file("/etc/hostname")
    k = tonumber("x")
    l = try(var.nope)
  }
}
