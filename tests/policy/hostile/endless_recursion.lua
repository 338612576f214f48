-- expect: error memory limit
return {
  id = "endless-recursion", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local function f() return 1 + f() end
    f()
  end,
}
