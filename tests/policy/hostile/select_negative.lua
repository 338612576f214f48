-- expect: error index out of range
return {
  id = "select-negative", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    select(-5, 1)
  end,
}
