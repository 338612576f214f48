-- expect: error more than 64 parts
return {
  id = "long-path", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    fail(r, ('a.'):rep(100) .. 'a', 'x')
  end,
}
