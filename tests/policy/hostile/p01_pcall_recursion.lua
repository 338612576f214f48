-- expect: error instruction limit
return {
  id = "p01-pcall-recursion", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local function f() while true do pcall(f) end end
    f()
  end,
}
