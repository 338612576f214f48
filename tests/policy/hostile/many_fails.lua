-- expect: fails 1000
return {
  id = "many-fails", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    for i = 1, 5000 do fail(r, 'spec.x' .. i, 'place ' .. i) end
  end,
}
