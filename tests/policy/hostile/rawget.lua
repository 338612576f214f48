-- expect: error 'rawget' is not defined
return {
  id = "rawget", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    rawget(_ENV, 'fail')
  end,
}
