-- expect: problem memory limit reached while loading
local t = {} while true do t = { t, t } end
return {
  id = "load-memory", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    
  end,
}
