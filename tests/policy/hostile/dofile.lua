-- expect: error 'dofile' is not defined
return {
  id = "dofile", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    dofile('/etc/passwd')
  end,
}
