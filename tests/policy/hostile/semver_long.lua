-- expect: pass
return {
  id = "semver-long", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    if semver.compare(('1'):rep(10000), '1') ~= nil then fail('what') end
  end,
}
