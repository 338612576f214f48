-- expect: pass
return {
  id = "p03-find-is-plain", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    if (('a'):rep(1000)):find(('.-'):rep(100) .. 'b') then fail('found') end
  end,
}
