-- expect: error memory limit
return {
  id = "error-loop-in-handler", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local function f() error(f()) end
    f()
  end,
}
