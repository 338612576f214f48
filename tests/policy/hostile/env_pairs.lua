-- expect: pass
return {
  id = "env-pairs", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    for k in pairs(_ENV) do fail('sees ' .. k) end
  end,
}
