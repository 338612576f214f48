-- expect: error not available
return {
  id = "format-pointer", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    string.format('%p', r)
  end,
}
