-- expect: error instruction limit
return {
  id = "p03-glob-braces", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    for i = 1, 1e6 do
      (('a'):rep(10000)):glob(('{a,b,c}*'):rep(20) .. 'z')
    end
  end,
}
