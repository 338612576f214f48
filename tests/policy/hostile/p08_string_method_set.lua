-- expect: error attempt to index a string value
return {
  id = "p08-string-method-set", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    local s = 'x'
    s.format = function() return 'changed' end
  end,
}
