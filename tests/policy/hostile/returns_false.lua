-- expect: error the check returned a value
return {
  id = "returns-false", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    return false
  end,
}
