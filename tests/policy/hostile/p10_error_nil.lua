-- expect: error (error object is a nil value)
return {
  id = "p10-error-nil", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    error(nil)
  end,
}
