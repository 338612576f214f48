-- expect: error 'require' is not there
return {
  id = "require", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    require('os')
  end,
}
