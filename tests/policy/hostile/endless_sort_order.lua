-- expect: error instruction limit
return {
  id = "endless-sort-order", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t = {}
    for i = 1, 1000 do t[i] = i end
    while true do table.sort(t, function(a, b) return true end) end
  end,
}
