-- expect: error nested deeper
return {
  id = "json-bomb", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local v, why = json({}, 'x')
    local s = iam.statements(('['):rep(5000))
    if #s ~= 0 then fail('what') end
  end,
}
