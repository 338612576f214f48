-- expect: error memory limit
return {
  id = "memory-table", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local t = {}
    while true do t = { t, t, t, t } end
  end,
}
