-- expect: error memory limit
return {
  id = "memory-presized", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t = {}
    for i = 1, 1e8 do t[i] = i end
  end,
}
