-- expect: error 'string' cannot be changed
return {
  id = "p08-string-metatable", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    string.format = nil
  end,
}
