-- expect: error memory limit
return {
  id = "p06-push-at-limit", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t, s = {}, ('x'):rep(1000)
    for i = 1, 1e9 do t[i] = s .. i end
    fail(r, 'never')
  end,
}
