-- expect: error 'rawset' is not defined
return {
  id = "rawset", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    rawset(string, 'format', nil)
  end,
}
