-- expect: fail xxxx
return {
  id = "long-message", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    fail(('x'):rep(1000000))
  end,
}
