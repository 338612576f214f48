-- expect: error instruction limit
return {
  id = "endless-tail-call", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local function f() return f() end
    f()
  end,
}
