-- expect: error instruction limit
return {
  id = "endless-repeat", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    repeat until false
  end,
}
