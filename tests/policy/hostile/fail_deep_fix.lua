-- expect: error nested deeper
return {
  id = "fail-deep-fix", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t = {}
    local top = t
    for i = 1, 100 do t.x = {} t = t.x end
    fail(r, 'spec', 'x', { set = top })
  end,
}
