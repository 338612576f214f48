-- expect: error nested deeper
return {
  id = "fail-cyclic-fix", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t = {}
    t.t = t
    fail(r, 'spec', 'x', { set = t })
  end,
}
