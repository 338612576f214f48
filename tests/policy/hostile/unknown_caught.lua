-- expect: unknown why
return {
  id = "unknown-caught", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    pcall(unknown, 'why')
    fail('went on')
  end,
}
