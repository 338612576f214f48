-- expect: error assignment to global 'leak'
return {
  id = "globals-in-check", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    leak = r
  end,
}
