-- expect: error more than 1000 results
return {
  id = "byte-huge", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    (('x'):rep(10000)):byte(1, -1)
  end,
}
