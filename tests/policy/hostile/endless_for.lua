-- expect: error instruction limit
return {
  id = "endless-for", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    for i = 1, math.maxinteger do end
  end,
}
