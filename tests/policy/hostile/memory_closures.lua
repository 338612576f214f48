-- expect: error memory limit
return {
  id = "memory-closures", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t = {}
    for i = 1, 1e9 do t[#t + 1] = function() return i end end
  end,
}
