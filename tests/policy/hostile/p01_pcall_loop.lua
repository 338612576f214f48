-- expect: error instruction limit
return {
  id = "p01-pcall-loop", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local function f() while true do end end
    while true do pcall(f) end
  end,
}
