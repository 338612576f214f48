-- expect: problem not for the top of a file
resources('kubernetes')
return {
  id = "load-resources", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    
  end,
}
