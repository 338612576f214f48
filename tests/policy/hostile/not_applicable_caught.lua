-- expect: not_applicable 
return {
  id = "not-applicable-caught", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    pcall(pcall, not_applicable)
    fail('went on')
  end,
}
