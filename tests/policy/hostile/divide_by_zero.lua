-- expect: error attempt to divide by zero
return {
  id = "divide-by-zero", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local x = 1 // 0
  end,
}
