-- expect: pass
return {
  id = "library-next", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    for k, v in pairs(string) do fail('sees ' .. k) end
  end,
}
