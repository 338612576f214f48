-- expect: error cannot be set
return {
  id = "env-written", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    _ENV.fail = nil
  end,
}
