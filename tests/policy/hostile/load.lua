-- expect: error 'load' is not there
return {
  id = "load", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    load('return 1')()
  end,
}
