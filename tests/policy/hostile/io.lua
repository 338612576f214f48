-- expect: error 'io' is not there
return {
  id = "io", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    io.open('/etc/passwd')
  end,
}
