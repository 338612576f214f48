-- expect: error at most 2 digits
return {
  id = "format-width", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    string.format('%999999999d', 1)
  end,
}
