-- expect: error 'collectgarbage' is not defined
return {
  id = "collectgarbage", title = "hostile", severity = "LOW", applies_to = "kubernetes",
  remediation = "none", scope = "project",
  check = function(r, params)
    collectgarbage('stop')
  end,
}
