-- expect: problem fail() is for checks
fail('at the top')
return {
  id = "load-fail", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    
  end,
}
