-- expect: fail 1
return {
  id = "json-of-params", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  params = { text = '{"a": 1}' },
  check = function(r, params)
    local x = json(params, 'text')
    fail(tostring(x.a))
  end,
}
