-- expect: error instruction limit
return {
  id = "endless-while", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    while true do end
  end,
}
