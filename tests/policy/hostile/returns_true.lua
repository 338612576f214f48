-- expect: error the check returned a value
return {
  id = "returns-true", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    return true
  end,
}
