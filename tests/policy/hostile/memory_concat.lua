-- expect: error larger than 1 MiB
return {
  id = "memory-concat", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t = {}
    for i = 1, 5000 do t[i] = ('x'):rep(1000) end
    table.concat(t)
  end,
}
