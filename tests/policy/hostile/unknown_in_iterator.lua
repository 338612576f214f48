-- expect: unknown 
return {
  id = "unknown-in-iterator", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    for x in function() unknown() end do end
  end,
}
