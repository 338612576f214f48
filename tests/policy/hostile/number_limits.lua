-- expect: pass
return {
  id = "number-limits", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local x = math.mininteger // -1
    local y = math.mininteger % -1
    local z = 1 << 64
    local w = 1 << -1
    if x ~= math.mininteger or y ~= 0 or z ~= 0 then fail('arithmetic') end
  end,
}
