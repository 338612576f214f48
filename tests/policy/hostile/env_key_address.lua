-- expect: error global '(map)'
return {
  id = "env-key-address", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    _ENV[r] = 1
  end,
}
