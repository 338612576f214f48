-- expect: error 
return {
  id = "big-compares", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local a, b = ('x'):rep(1000000), ('x'):rep(999999) .. 'y'
    local n = 0
    for i = 1, 1e9 do if a < b then n = n + 1 end end
  end,
}
