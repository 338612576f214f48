-- expect: error memory limit
return {
  id = "memory-strings", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local s = 'x'
    while true do s = s .. s end
  end,
}
