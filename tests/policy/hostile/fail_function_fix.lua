-- expect: error a function value cannot be written
return {
  id = "fail-function-fix", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    fail(r, 'spec', 'x', { set = fail })
  end,
}
