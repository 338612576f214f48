-- expect: pass
local seen = {}
return {
  id = "keeps-state", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    seen[#seen + 1] = r.metadata.name
    if #seen > 1e6 then fail('x') end
  end,
}
