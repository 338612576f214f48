-- expect: fail first
-- then: error kept
local kept
return {
  id = "json-of-params-kept", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  params = { text = '{"a": {"b": "first"}}' },
  check = function(r, params)
    kept = kept or json(params, 'text')
    fail(kept, 'a', kept.a.b)
  end,
}
