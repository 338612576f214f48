-- expect: pass
return {
  id = "p03-glob", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    if (('a/'):rep(500)):glob(('**/*a*'):rep(20) .. 'b') then fail('matched') end
  end,
}
