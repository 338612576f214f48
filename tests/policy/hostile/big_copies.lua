-- expect: error 
return {
  id = "big-copies", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local s = ('x'):rep(1000000)
    local t
    for i = 1, 1e9 do t = s .. i end
  end,
}
