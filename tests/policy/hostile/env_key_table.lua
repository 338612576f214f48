-- expect: error global 'table'
return {
  id = "env-key-table", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    _ENV[{}] = 1
  end,
}
