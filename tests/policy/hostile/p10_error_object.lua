-- expect: error (error object is a table value)
return {
  id = "p10-error-object", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    error({})
  end,
}
