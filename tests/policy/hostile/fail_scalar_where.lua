-- expect: error 'where' is a string value
return {
  id = "fail-scalar-where", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    fail(r.metadata.name, 'x')
  end,
}
