-- expect: error 
return {
  id = "big-splits", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local s = ('x '):rep(500000)
    for i = 1, 1e6 do s:split('') end
  end,
}
