-- expect: fail a
return {
  id = "message-with-zero", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    fail('a\0b\27[31m')
  end,
}
