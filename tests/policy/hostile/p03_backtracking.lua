-- expect: error attempt to call a nil value (method 'match')
return {
  id = "p03-backtracking", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local s = (('a-'):rep(28) .. 'b')
    return (('a'):rep(28)):match(s)
  end,
}
