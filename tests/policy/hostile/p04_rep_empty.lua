-- expect: pass
return {
  id = "p04-rep-empty", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    if (''):rep(1 << 62) ~= '' then fail('what') end
  end,
}
