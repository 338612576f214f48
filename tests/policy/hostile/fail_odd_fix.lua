-- expect: error a fix is
return {
  id = "fail-odd-fix", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    fail(r, 'spec', 'x', {})
  end,
}
