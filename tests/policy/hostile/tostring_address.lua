-- expect: pass
return {
  id = "tostring-address", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    if tostring(fail) ~= 'function' or tostring({}) ~= 'table' then fail('shows an address') end
  end,
}
