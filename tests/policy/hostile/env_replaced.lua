-- expect: error attempt to call a nil value (global 'fail')
return {
  id = "env-replaced", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local _ENV = {}
    fail('x')
  end,
}
