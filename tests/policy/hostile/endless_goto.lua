-- expect: error instruction limit
return {
  id = "endless-goto", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    ::again::
    goto again
  end,
}
