-- expect: error assignment to global '_ENV'
return {
  id = "env-changed", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local e = _ENV
    _ENV._ENV = {}
  end,
}
